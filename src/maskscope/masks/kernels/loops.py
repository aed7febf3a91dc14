"""The passes as loops over plain arrays, compiled by numba for this CPU; `cpu.py` calls them with tensors.

Why they are fast, each point measured (docs/speed.md): weights are processed in chunks of `CHUNK`, so that the results of one
loop are still in the first-level cache for the next. Every inner loop is simple enough for the compiler to vectorise; therefore
positions, table look-ups, draws and gates are separate loops. A table entry and its rise are one 64-bit word, read once.

There are no annotations: numba infers types from the arguments that `cpu.py` passes. Danger: numba stores a compiled function
under the date of its *own* file. If you change a function here that `logistic_loops.py` uses, empty the cache (`make clean`).
"""

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from maskscope.masks.kernels.compiler import compiled
from maskscope.masks.kernels.counter import MULTIPLIERS, ROUNDS, WEYL
from maskscope.masks.kernels.threshold import LIMIT

CHUNK = 2048

f32, i32, u8, u32, u64 = np.float32, np.int32, np.uint8, np.uint32, np.uint64
_M0, _M1 = (u64(word) for word in MULTIPLIERS)
_W0, _W1 = (u32(word) for word in WEYL)
_FINE = f32(1 << 15)
_LIMIT, _MIDDLE, _LAST = f32(LIMIT), i32(LIMIT << 15), i32(2 * (LIMIT << 15) - 1)
_LOW = u64(0xFFFFFFFF)
_ZERO = f32(0)
_MAY_OPEN = i32((LIMIT - 23) << 15)  # the threshold is 0 up to a logit of -22.95


@njit(inline="always")
def philox(x0, x1, x2, x3, k0, k1):
    """`counter.philox` for one counter."""
    for _ in range(ROUNDS):
        p0 = u64(x0) * _M0
        p1 = u64(x2) * _M1
        x0, x1, x2, x3 = u32(p1 >> u64(32)) ^ x1 ^ k0, u32(p1), u32(p0 >> u64(32)) ^ x3 ^ k1, u32(p0)
        k0 = u32(k0 + _W0)
        k1 = u32(k1 + _W1)
    return x0, x1, x2, x3


@njit(inline="always")
def _fixed(logit):
    """`threshold.position`, before it is split into index and fraction."""
    below = i32(np.floor(min(max(logit, -_LIMIT), _LIMIT) * _FINE)) + _MIDDLE
    return min(below, _LAST)


@njit(inline="always")
def _threshold(fixed, table):
    """`threshold.keep_threshold`; the low half of each word of ``table`` is an entry, the high half is its rise."""
    word = table[fixed >> 8]
    return u32((word & _LOW) + (((word >> u64(32)) * u64(2 * (fixed & 255) + 1)) >> u64(9)))


@njit(inline="always")
def _interpolated(fixed, table):
    """`Position.interpolate`; the low half of each word of ``table`` is a float32 entry, the high half is its rise / 512."""
    word = table[fixed >> 8]
    return np.uint32(word & _LOW).view(np.float32) + np.uint32(word >> u64(32)).view(np.float32) * f32(2 * (fixed & 255) + 1)


def real(value):
    """A number as float32; a bfloat16 number is passed as a 16-bit integer with its bits."""
    raise NotImplementedError("compiled code only")


@overload(real, inline="always")
def _real_of(value):
    if isinstance(value, types.Float):
        return lambda value: f32(value)
    return lambda value: np.uint32(u32(value) << u32(16)).view(np.float32)


@njit(inline="always")
def _positions(logits):
    fixed = np.empty(logits.size, np.int32)
    for i in range(logits.size):
        fixed[i] = _fixed(logits[i])
    return fixed


@njit(inline="always")
def _limits(fixed, table):
    """The thresholds of a chunk of weights."""
    limit = np.empty(fixed.size, np.uint32)
    for i in range(fixed.size):
        limit[i] = _threshold(fixed[i], table)
    return limit


@njit(inline="always")
def _few_above(fixed, least, one_in):
    """The indices of weights with a position of at least ``least``, and True; none and False if they are 1 / ``one_in`` or more.

    Late in a search most logits are so low that their gates never open. Then only the others need work; the bits are the same.
    """
    count = i32(0)
    for i in range(fixed.size):
        count += i32(fixed[i] >= least)
    if one_in * count >= fixed.size:
        return np.empty(0, np.int32), False
    places, found = np.empty(fixed.size, np.int32), 0
    for i in range(fixed.size):
        places[found] = i
        found += np.int64(fixed[i] >= least)
    return places[:found], True


@njit(inline="always")
def _counter(first, begin, block):
    """Counter words 0 and 1 of an element; `cpu.py` ensures that word 0 does not overflow within a call."""
    element = u64(first) + u64(begin)
    return u32(element), u32(element >> u64(32)) | (u32(block) << u32(16))


@njit(inline="always")
def _compare(x0, x1, x2, x3, h):
    return u32(x0 < h) | (u32(x1 < h) << u32(1)) | (u32(x2 < h) << u32(2)) | (u32(x3 < h) << u32(3))


@njit(inline="always")
def _add_gates(limit, low, high, step0, step1, key0, key1, keep, shift, bits):
    """Adds the gates of one block of four samples, as 32-bit words, so that the compiler uses vectors of eight."""
    for i in range(limit.size):
        x0, x1, x2, x3 = philox(u32(low + u32(i)), high, step0, step1, key0, key1)
        bits[i] |= (_compare(x0, x1, x2, x3, limit[i]) & keep) << shift


@njit(inline="always")
def _add_gates_of(places, limit, low, high, step0, step1, key0, key1, keep, shift, bits):
    """The same as `_add_gates`, for some weights of the chunk only; ``limit`` and ``bits`` have one entry for each of these."""
    for j in range(places.size):
        x0, x1, x2, x3 = philox(u32(low + u32(places[j])), high, step0, step1, key0, key1)
        bits[j] |= (_compare(x0, x1, x2, x3, limit[j]) & keep) << shift


@njit(inline="always")
def _add_gates_and_copies(limit, low, high, step0, step1, key0, key1, shift, bits, weight, row0, row1, row2, row3):
    """The same as `_add_gates`, and also writes the four masked copies while the draws are in registers."""
    for i in range(limit.size):
        x0, x1, x2, x3 = philox(u32(low + u32(i)), high, step0, step1, key0, key1)
        h, w = limit[i], weight[i]
        bits[i] |= _compare(x0, x1, x2, x3, h) << shift
        row0[i] = w if x0 < h else 0
        row1[i] = w if x1 < h else 0
        row2[i] = w if x2 < h else 0
        row3[i] = w if x3 < h else 0


@njit(inline="always")
def _open_few(places, fixed, table, begin, key0, key1, step0, step1, group, first, samples, gates):
    """Draws the gates of a chunk in which only the weights at ``places`` may open; returns the gates of these as words."""
    mine = np.empty(places.size, np.int32)
    for j in range(places.size):
        mine[j] = fixed[places[j]]
    limit, bits = _limits(mine, table), np.zeros(places.size, np.uint32)
    for block in range((samples + 3) // 4):
        keep = u32(15) >> u32(4 - min(samples - 4 * block, 4))
        low, high = _counter(first, begin, 2 * group + block)
        _add_gates_of(places, limit, low, high, step0, step1, key0, key1, keep, u32(4 * block), bits)
    gates[:] = 0
    for j in range(places.size):
        gates[places[j]] = u8(bits[j])
    return bits


@compiled()
def open_gates(logits, table, key0, key1, step0, step1, group, first, samples, gates):
    """`Kernels.open_gates`."""
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        into, fixed = gates[begin : begin + CHUNK], _positions(logits[begin : begin + CHUNK])
        places, few = _few_above(fixed, _MAY_OPEN, 4)
        if few:
            _open_few(places, fixed, table, begin, key0, key1, step0, step1, group, first, samples, into)
        else:
            limit, bits = _limits(fixed, table), np.zeros(fixed.size, np.uint32)
            for block in range((samples + 3) // 4):
                keep = u32(15) >> u32(4 - min(samples - 4 * block, 4))
                low, high = _counter(first, begin, 2 * group + block)
                _add_gates(limit, low, high, step0, step1, key0, key1, keep, u32(4 * block), bits)
            for i in range(bits.size):
                into[i] = u8(bits[i])


@compiled()
def draw_masked(logits, weights, table, key0, key1, step0, step1, group, first, gates, out, stride, rows):
    """`Kernels.draw_masked` for a multiple of four samples; weights and copies are passed as integers of their size.

    A copy begins ``stride`` after the one before it in ``out``, which has one dimension: copies that lie in a larger array are
    then of the same type as others, and the loop is compiled for one.
    """
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        end = begin + CHUNK
        into, weight, fixed = gates[begin:end], weights[begin:end], _positions(logits[begin:end])
        places, few = _few_above(fixed, _MAY_OPEN, 8)
        if few:
            bits = _open_few(places, fixed, table, begin, key0, key1, step0, step1, group, first, rows, into)
            for k in range(rows):
                row = out[k * stride + begin : k * stride + begin + fixed.size]
                row[:] = 0
                for j in range(places.size):
                    row[places[j]] = weight[places[j]] if bits[j] & (u32(1) << u32(k)) else 0
        else:
            limit, bits = _limits(fixed, table), np.zeros(fixed.size, np.uint32)
            for block in range(rows // 4):
                k = 4 * block
                at0 = k * stride + begin
                at1, at2, at3 = at0 + stride, at0 + 2 * stride, at0 + 3 * stride
                row0, row1 = out[at0 : at0 + fixed.size], out[at1 : at1 + fixed.size]
                row2, row3 = out[at2 : at2 + fixed.size], out[at3 : at3 + fixed.size]
                low, high = _counter(first, begin, 2 * group + block)
                _add_gates_and_copies(limit, low, high, step0, step1, key0, key1, u32(k), bits, weight, row0, row1, row2, row3)
            for i in range(bits.size):
                into[i] = u8(bits[i])


@compiled()
def copy_open(weights, gates, first_sample, out):
    """`Kernels.copy_open`, with weights as integers. A gate's bit, shifted to the sign and back, is all ones or 0."""
    kind = out.dtype.type
    for chunk in prange((weights.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        weight, gate = weights[begin : begin + CHUNK], gates[begin : begin + CHUNK]
        bits = np.empty(weight.size, out.dtype)
        for i in range(weight.size):
            bits[i] = kind(gate[i])
        last = kind(8 * out.itemsize - 1)
        for k in range(out.shape[0]):
            row, up = out[k, begin : begin + CHUNK], kind(8 * out.itemsize - 1 - first_sample - k)
            for i in range(weight.size):
                row[i] = weight[i] & kind(kind(bits[i] << up) >> last)


@compiled(contract=True)
def add_table_gradient(logits, weights, gates, gradients, table_closed, table_open, first_sample, scale, out):
    """`Kernels.add_gradient` for a TableSlope."""
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        logit, weight = logits[begin : begin + CHUNK], weights[begin : begin + CHUNK]
        gate, into = gates[begin : begin + CHUNK], out[begin : begin + CHUNK]
        n = logit.size
        fixed, closed, opened = _positions(logit), np.empty(n, np.float32), np.empty(n, np.float32)
        places, few = _few_above(fixed, i32(1), 4)
        if few:  # all other weights have the slope of the lowest position, and their gates are closed
            closed[:] = _interpolated(i32(0), table_closed)
            opened[:] = _ZERO
            for j in range(places.size):
                closed[places[j]] = _interpolated(fixed[places[j]], table_closed)
                opened[places[j]] = _interpolated(fixed[places[j]], table_open)
        else:
            for i in range(n):
                closed[i] = _interpolated(fixed[i], table_closed)
            for i in range(n):
                opened[i] = _interpolated(fixed[i], table_open)
        rows, k = gradients.shape[0], 0
        while k + 4 <= rows:  # four rows at once: the sum of gradients behind open gates, and the sum behind closed ones
            g0, g1 = gradients[k, begin : begin + CHUNK], gradients[k + 1, begin : begin + CHUNK]
            g2, g3 = gradients[k + 2, begin : begin + CHUNK], gradients[k + 3, begin : begin + CHUNK]
            place = u32(first_sample + k)
            for i in range(n):
                bits = u32(gate[i]) >> place
                a0, a1, a2, a3 = real(g0[i]), real(g1[i]), real(g2[i]), real(g3[i])
                behind_open = ((a0 if bits & u32(1) else _ZERO) + (a1 if bits & u32(2) else _ZERO)) + (
                    (a2 if bits & u32(4) else _ZERO) + (a3 if bits & u32(8) else _ZERO)
                )
                behind_closed = ((_ZERO if bits & u32(1) else a0) + (_ZERO if bits & u32(2) else a1)) + (
                    (_ZERO if bits & u32(4) else a2) + (_ZERO if bits & u32(8) else a3)
                )
                into[i] += real(weight[i]) * (closed[i] * behind_closed + opened[i] * behind_open) * scale
            k += 4
        while k < rows:
            g, place = gradients[k, begin : begin + CHUNK], u32(first_sample + k)
            for i in range(n):
                into[i] += real(weight[i]) * real(g[i]) * (opened[i] if (u32(gate[i]) >> place) & u32(1) else closed[i]) * scale
            k += 1
