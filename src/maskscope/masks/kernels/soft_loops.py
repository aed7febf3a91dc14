"""The passes for soft gates, whose values are computed where they are used: loops like those of `loops.py`, in float32.

Danger: numba stores a compiled function under the date of its *own* file. If you change a function here that is imported from
`loops.py` or `logistic_loops.py`, empty the cache (`make clean`).
"""

import numpy as np
from numba import njit, prange

from maskscope.masks.kernels.compiler import compiled
from maskscope.masks.kernels.logistic_loops import exp, odds
from maskscope.masks.kernels.loops import CHUNK, philox, real, rounded

f32, i32, u32, u64 = np.float32, np.int32, np.uint32, np.uint64
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


@compiled(parallel=False)
def _draw(n, first, begin, block, step0, step1, key0, key1, words):
    """The draws of the four samples of a block, for the elements of a chunk; its index may pass a multiple of 2^32.

    This and `_exponentials` are compiled for themselves, once, and not again inside of each loop.
    """
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    for i in range(n):
        element = u64(first) + u64(begin + i)
        high = u32(element >> u64(32)) | (u32(block) << u32(16))
        w0[i], w1[i], w2[i], w3[i] = philox(u32(element), high, step0, step1, key0, key1)


@compiled(contract=True, parallel=False)
def _exponentials(logit, word, inverse, drawn, shut, whole, scaled, into):
    """Writes z / tau to ``scaled``, and e^-z/tau for it within the bounds."""
    if drawn:
        for i in range(logit.size):
            scaled[i] = (logit[i] - _log(odds(word[i]))) * inverse
    else:
        for i in range(logit.size):
            scaled[i] = logit[i] * inverse
    for i in range(logit.size):
        into[i] = exp(-min(max(scaled[i], shut), whole))


@compiled(contract=True)
def copy_soft(logits, weights, inverse, drawn, shut, whole, low, span, key0, key1, step0, step1, group, first, first_sample, out):
    """Kernels.copy_soft."""
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        logit, weight = logits[begin : begin + CHUNK], weights[begin : begin + CHUNK]
        n = logit.size
        t, gate, words = np.empty(n, np.float32), np.empty(n, np.float32), np.empty((4, n if drawn else 0), np.uint32)
        for k in range(out.shape[0]):
            sample = first_sample + k
            if drawn and (k == 0 or sample % 4 == 0):
                _draw(n, first, begin, 2 * group + sample // 4, step0, step1, key0, key1, words)
            if drawn or k == 0:
                _exponentials(logit, words[sample % 4], inverse, drawn, shut, whole, t, gate)
                for i in range(n):
                    soft = low + span / (f32(1) + gate[i])
                    gate[i] = f32(0) if t[i] <= shut else (f32(1) if t[i] >= whole else soft)
            row = out[k, begin : begin + CHUNK]
            for i in range(n):
                product = real(weight[i]) * gate[i] if gate[i] > f32(0) else f32(0)  # also where the weight is infinite
                row[i] = rounded(product, out)


@compiled(contract=True)
def add_soft_gradient(
    logits, weights, gradients, inverse, drawn, shut, whole, key0, key1, step0, step1, group, first, first_sample, scale, out
):
    """Kernels.add_gradient for a SoftGate; ``scale`` holds the factor span / tau too."""
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        logit, weight, into = logits[begin : begin + CHUNK], weights[begin : begin + CHUNK], out[begin : begin + CHUNK]
        n = logit.size
        total, t, slope = np.zeros(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
        words = np.empty((4, n if drawn else 0), np.uint32)
        for k in range(gradients.shape[0]):
            sample = first_sample + k
            if drawn and (k == 0 or sample % 4 == 0):
                _draw(n, first, begin, 2 * group + sample // 4, step0, step1, key0, key1, words)
            if drawn or k == 0:
                _exponentials(logit, words[sample % 4], inverse, drawn, shut, whole, t, slope)
                for i in range(n):
                    soft = f32(1) / (f32(1) + slope[i])
                    slope[i] = slope[i] * soft * soft if t[i] > shut and t[i] < whole else f32(0)
            gradient = gradients[k, begin : begin + CHUNK]
            for i in range(n):
                total[i] += real(gradient[i]) * slope[i]
        for i in range(n):
            into[i] += real(weight[i]) * total[i] * scale
