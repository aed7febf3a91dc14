"""The passes as loops over plain arrays, compiled by numba for this CPU; `cpu.py` calls them with tensors.

Why they are fast, each point measured (docs/speed.md): draws, thresholds and slopes are made for sixteen weights at a time
(`vectors/`), in registers. Weights are processed in chunks of `CHUNK`, so that the results of one loop are still in the
first-level cache for the next. Every other inner loop is simple enough for the compiler to vectorise.

There are no annotations: numba infers types from the arguments that `cpu.py` passes. Danger: numba stores a compiled function
under the date of its *own* file. If you change a function here that `logistic_loops.py` uses, empty the cache (`make clean`).
"""

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from maskscope.masks.kernels.compiler import compiled
from maskscope.masks.kernels.counter import MULTIPLIERS, ROUNDS, WEYL
from maskscope.masks.kernels.vectors.gate_loops import copy_sixteen, open_sixteen
from maskscope.masks.kernels.vectors.lane_loops import LANES
from maskscope.masks.kernels.vectors.slope_loops import add_four_rows, add_row, slopes_of_sixteen

CHUNK = 2048

f32, u32, u64 = np.float32, np.uint32, np.uint64
_M0, _M1 = (u64(word) for word in MULTIPLIERS)
_W0, _W1 = (u32(word) for word in WEYL)
_LOW, _BORDER = u64(0xFFFFFFFF), u64(1 << 32)
_ZERO = f32(0)


@njit(inline="always")
def philox(x0, x1, x2, x3, k0, k1):
    """`counter.philox` for one counter; words may be given with 64 bits."""
    x0, x1, x2, x3, k0, k1 = u32(x0), u32(x1), u32(x2), u32(x3), u32(k0), u32(k1)
    for _ in range(ROUNDS):
        p0 = u64(x0) * _M0
        p1 = u64(x2) * _M1
        x0, x1, x2, x3 = u32(p1 >> u64(32)) ^ x1 ^ k0, u32(p1), u32(p0 >> u64(32)) ^ x3 ^ k1, u32(p0)
        k0 = u32(k0 + _W0)
        k1 = u32(k1 + _W1)
    return x0, x1, x2, x3


def real(value):
    """A number as float32; a bfloat16 number is passed as a 16-bit integer with its bits."""
    raise NotImplementedError("compiled code only")


@overload(real, inline="always")
def _real_of(value):
    if isinstance(value, types.Float):
        return lambda value: f32(value)
    return lambda value: np.uint32(u32(value) << u32(16)).view(np.float32)


def rounded(value, kind):
    """A float32 number as one of an array: as it is, or rounded to the nearest bfloat16, of which the bits are returned."""
    raise NotImplementedError("compiled code only")


@overload(rounded, inline="always")
def _rounded_to(value, kind):
    if kind.dtype == types.float32:
        return lambda value, kind: value
    return lambda value, kind: _nearest_bfloat16(value)


@njit(inline="always")
def _nearest_bfloat16(value):
    bits = f32(value).view(np.uint32)
    near = (bits + u32(0x7FFF) + ((bits >> u32(16)) & u32(1))) >> u32(16)
    is_number = bits & u32(0x7FFFFFFF) <= u32(0x7F800000)
    return np.uint16(near if is_number else (bits >> u32(16)) | u32(0x40))  # rounding could make a number of what is none


@compiled(parallel=False)
def _draw(logits, weights, table, begin, end, key0, key1, step0, step1, group, first, samples, gates, out, stride, rows):
    """Gates and masked copies of a part of the weights, which need not be more than `LANES`."""
    while begin < end:
        low, high = _counter(first, begin, 2 * group)
        stop = begin + min(end - begin, np.int64(_BORDER - low))  # counter word 0 does not overflow before
        whole = begin + (stop - begin) // LANES * LANES
        for i in range(begin, whole, LANES):
            open_sixteen(logits, i, table, low + u64(i - begin), high, step0, step1, key0, key1, samples, gates)
            for k in range(rows):
                copy_sixteen(weights, gates, i, k, out, k * stride + i)
        if whole < stop:
            logit, gate = _padded(logits, whole, stop), np.empty(LANES, np.uint8)
            open_sixteen(logit, 0, table, low + u64(whole - begin), high, step0, step1, key0, key1, samples, gate)
            for i in range(whole, stop):
                gates[i] = gate[i - whole]
            _copy_rest(weights, gates, whole, stop, 0, out, stride, rows)
        begin = stop


@njit(inline="always")
def _counter(first, begin, block):
    """Counter words 0 and 1 of an element, of 64 bits."""
    element = u64(first) + u64(begin)
    return element & _LOW, (element >> u64(32)) | (u64(block) << u64(16))


@njit
def _padded(logits, begin, end):
    """Fewer than ``LANES`` logits, and others behind them. No slice is assigned to: its errors take seconds to compile."""
    logit = np.empty(LANES, np.float32)
    for i in range(LANES):
        logit[i] = logits[min(begin + i, end - 1)]
    return logit


@njit
def _copy_rest(weights, gates, begin, end, first_sample, out, stride, rows):
    """Copies of fewer than ``LANES`` weights."""
    for k in range(rows):
        for i in range(begin, end):
            out[k * stride + i] = weights[i] if (gates[i] >> (first_sample + k)) & 1 else 0


@compiled()
def draw_masked(logits, weights, table, key0, key1, step0, step1, group, first, samples, gates, out, stride, rows):
    """`Kernels.draw_masked`, and `Kernels.open_gates` with no row; weights and copies are passed as integers of their size.

    A copy begins ``stride`` after the one before it in ``out``, which has one dimension: copies that lie in a larger array are
    then of the same type as others, and the loop is compiled for one.
    """
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        end = min(begin + CHUNK, logits.size)
        _draw(logits, weights, table, begin, end, key0, key1, step0, step1, group, first, samples, gates, out, stride, rows)


@compiled()
def copy_open(weights, gates, first_sample, out, stride, rows):
    """`Kernels.copy_open`, with weights and copies as in `draw_masked`."""
    for chunk in prange((weights.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        end = min(begin + CHUNK, weights.size)
        whole = begin + (end - begin) // LANES * LANES
        for k in range(rows):
            for i in range(begin, whole, LANES):
                copy_sixteen(weights, gates, i, first_sample + k, out, k * stride + i)
        _copy_rest(weights, gates, whole, end, first_sample, out, stride, rows)


@njit
def _add_sixteen(weights, gates, gradients, i, closed, opened, first_sample, scale, out):
    """Adds all rows, four at once: the sum of gradients behind open gates, and the sum behind closed ones."""
    rows, k = gradients.shape[0], 0
    while k + 4 <= rows:
        add_four_rows(weights, gates, i, first_sample + k, gradients, k, closed, opened, scale, out)
        k += 4
    while k < rows:
        add_row(weights, gates, i, first_sample + k, gradients, k, closed, opened, scale, out)
        k += 1


@compiled(contract=True, parallel=False)
def _add(logits, weights, gates, gradients, begin, end, table, lowest, first_sample, scale, out):
    """The gradients of a part of the logits."""
    rows, whole = gradients.shape[0], begin + (end - begin) // LANES * LANES
    closed, opened = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for i in range(begin, whole, LANES):
        slopes_of_sixteen(logits, i, table, lowest, closed, opened)
        _add_sixteen(weights, gates, gradients, i, closed, opened, first_sample, scale, out)
    if whole < end:
        weight, gate, into = np.empty(LANES, weights.dtype), np.empty(LANES, np.uint8), np.empty(LANES, np.float32)
        gradient = np.empty((rows, LANES), gradients.dtype)
        for i in range(whole, end):
            weight[i - whole], gate[i - whole], into[i - whole] = weights[i], gates[i], out[i]
            for k in range(rows):
                gradient[k, i - whole] = gradients[k, i]
        slopes_of_sixteen(_padded(logits, whole, end), 0, table, lowest, closed, opened)
        _add_sixteen(weight, gate, gradient, 0, closed, opened, first_sample, scale, into)
        for i in range(whole, end):
            out[i] = into[i - whole]


@compiled()
def add_table_gradient(logits, weights, gates, gradients, table, lowest, first_sample, scale, out):
    """`Kernels.add_gradient` for a TableSlope."""
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        end = min(begin + CHUNK, logits.size)
        _add(logits, weights, gates, gradients, begin, end, table, lowest, first_sample, scale, out)


@compiled(contract=True)
def add_open(gates, gradients, first_sample, scale, out):
    """`Kernels.add_open`."""
    for chunk in prange((gates.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        gate, into = gates[begin : begin + CHUNK], out[begin : begin + CHUNK]
        for k in range(gradients.shape[0]):
            gradient, place = gradients[k, begin : begin + CHUNK], u32(first_sample + k)
            for i in range(gate.size):
                is_open = (u32(gate[i]) >> place) & u32(1)
                into[i] += scale * real(gradient[i]) if is_open else _ZERO
