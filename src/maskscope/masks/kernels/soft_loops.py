"""The passes for soft gates, whose values are computed where they are used: loops like those of `loops.py`.

Danger: numba stores a compiled function under the date of its *own* file. If you change a function here that is imported from
`loops.py` or `logistic_loops.py`, empty the cache (`make clean`).
"""

import numpy as np
from numba import njit, prange, types
from numba.extending import overload

from maskscope.masks.kernels.compiler import compiled
from maskscope.masks.kernels.logistic_loops import exp, odds
from maskscope.masks.kernels.loops import CHUNK, philox, real

f32, i32, u16, u32, u64 = np.float32, np.int32, np.uint16, np.uint32, np.uint64
_HALF_ROOT = i32(0x3F3504F3)  # the bits of sqrt(1/2)


@njit(inline="always")
def _log(x):
    """The logarithm of a normal number above 0, in float32, with an error below 2e-7 of the larger of it and 1."""
    bits = f32(x).view(np.int32)
    power = (bits - _HALF_ROOT) >> i32(23)
    rest = np.int32(bits - (power << i32(23))).view(np.float32) - f32(1)  # from sqrt(1/2) - 1 to sqrt(2) - 1
    p = f32(7.0376836292e-2)  # the minimax polynomial of Cephes' logf (Moshier)
    p = p * rest - f32(1.1514610310e-1)
    p = p * rest + f32(1.1676998740e-1)
    p = p * rest - f32(1.2420140846e-1)
    p = p * rest + f32(1.4249322787e-1)
    p = p * rest - f32(1.6668057665e-1)
    p = p * rest + f32(2.0000714765e-1)
    p = p * rest - f32(2.4999993993e-1)
    p = p * rest + f32(3.3333331174e-1)
    square = rest * rest
    small = p * rest * square - f32(2.12194440e-4) * f32(power) - f32(0.5) * square
    return rest + small + f32(0.693359375) * f32(power)  # ln 2 in two parts


@njit(inline="always")
def _as_bfloat16(x):
    """The bits of a number rounded to bfloat16, to the nearest, ties to even."""
    bits = f32(x).view(np.uint32)
    rounded = u16((bits + u32(0x7FFF) + ((bits >> u32(16)) & u32(1))) >> u32(16))
    return rounded if x == x else u16(0x7FC0)


def _product(weight, gate):
    raise NotImplementedError("compiled code only")


@overload(_product, inline="always")
def _product_of(weight, gate):
    """A weight times the value of its gate, in the weight's dtype; +0 where the gate is exactly 0, whatever the weight."""
    if isinstance(weight, types.Float):
        return lambda weight, gate: weight * gate if gate > f32(0) else f32(0)
    return lambda weight, gate: _as_bfloat16(real(weight) * gate if gate > f32(0) else f32(0))


@njit(inline="always")
def _words(n, first, begin, block, step0, step1, key0, key1, words):
    """The draws of the four samples of a block, for the elements of a chunk."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    for i in range(n):
        element = u64(first) + u64(begin + i)
        high = u32(element >> u64(32)) | (u32(block) << u32(16))
        w0[i], w1[i], w2[i], w3[i] = philox(u32(element), high, step0, step1, key0, key1)


@njit(inline="always")
def _scaled(logit, word, inverse, drawn, into):
    """Z / tau for the elements of a chunk."""
    if drawn:
        for i in range(logit.size):
            into[i] = (logit[i] - _log(odds(word[i]))) * inverse
    else:
        for i in range(logit.size):
            into[i] = logit[i] * inverse


@njit(inline="always")
def _value(t, shut, whole, low, span):
    """SoftGate.value."""
    soft = low + span / (f32(1) + exp(-min(max(t, shut), whole)))
    return f32(0) if t <= shut else (f32(1) if t >= whole else soft)


@njit(inline="always")
def _slope(t, shut, whole):
    """SoftGate.slope without its factor span / tau."""
    e = exp(-min(max(t, shut), whole))
    soft = f32(1) / (f32(1) + e)
    return e * soft * soft if t > shut and t < whole else f32(0)


@compiled(contract=True)
def copy_soft(logits, weights, inverse, drawn, shut, whole, low, span, key0, key1, step0, step1, group, first, first_sample, out):
    """Kernels.copy_soft; bfloat16 numbers are passed as 16-bit integers with their bits."""
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        logit, weight = logits[begin : begin + CHUNK], weights[begin : begin + CHUNK]
        n = logit.size
        gate, words = np.empty(n, np.float32), np.empty((4, n if drawn else 0), np.uint32)
        for k in range(out.shape[0]):
            sample = first_sample + k
            if drawn and (k == 0 or sample % 4 == 0):
                _words(n, first, begin, 2 * group + sample // 4, step0, step1, key0, key1, words)
            if drawn or k == 0:
                _scaled(logit, words[sample % 4], inverse, drawn, gate)
                for i in range(n):
                    gate[i] = _value(gate[i], shut, whole, low, span)
            row = out[k, begin : begin + CHUNK]
            for i in range(n):
                row[i] = _product(weight[i], gate[i])


@compiled(contract=True)
def add_soft_gradient(
    logits, weights, gradients, inverse, drawn, shut, whole, key0, key1, step0, step1, group, first, first_sample, scale, out
):
    """Kernels.add_gradient for a SoftGate; ``scale`` holds the factor span / tau too."""
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        logit, weight, into = logits[begin : begin + CHUNK], weights[begin : begin + CHUNK], out[begin : begin + CHUNK]
        n = logit.size
        total, slope = np.zeros(n, np.float32), np.empty(n, np.float32)
        words = np.empty((4, n if drawn else 0), np.uint32)
        for k in range(gradients.shape[0]):
            sample = first_sample + k
            if drawn and (k == 0 or sample % 4 == 0):
                _words(n, first, begin, 2 * group + sample // 4, step0, step1, key0, key1, words)
            if drawn or k == 0:
                _scaled(logit, words[sample % 4], inverse, drawn, slope)
                for i in range(n):
                    slope[i] = _slope(slope[i], shut, whole)
            gradient = gradients[k, begin : begin + CHUNK]
            for i in range(n):
                total[i] += real(gradient[i]) * slope[i]
        for i in range(n):
            into[i] += real(weight[i]) * total[i] * scale
