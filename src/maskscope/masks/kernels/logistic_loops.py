"""The gradient pass for a slope that depends on the draw, which is computed again: a loop like those of `loops.py`."""

import numpy as np
from numba import njit, prange

from maskscope.masks.kernels.compiler import compiled
from maskscope.masks.kernels.loops import CHUNK, philox, real

f32, i32, u32, u64 = np.float32, np.int32, np.uint32, np.uint64
_HUGE = f32(1e18)  # for this value the slope is 0 in float32, and its square is still finite


@njit(inline="always")
def exp(x):
    """e^x for |x| <= 80, in float32, with an error below 3e-7. Written here because the library's exp is not vectorised."""
    y = x * f32(1.4426950408889634)
    whole = np.floor(y + f32(0.5))
    rest = (x - whole * f32(0.693359375)) - whole * f32(-2.12194440e-4)  # ln 2 in two parts
    p = f32(1.9875691500e-4)  # the minimax polynomial of Cephes' expf (Moshier)
    p = p * rest + f32(1.3981999507e-3)
    p = p * rest + f32(8.3334519073e-3)
    p = p * rest + f32(4.1665795894e-2)
    p = p * rest + f32(1.6666665459e-1)
    p = p * rest + f32(5.0000001201e-1)
    p = p * rest * rest + rest + f32(1)
    return p * np.int32((i32(whole) + i32(127)) << i32(23)).view(np.float32)


@njit(inline="always")
def odds(word):
    """The odds v / (1 - v) of the uniform number v = (word + 1/2) / 2^32."""
    return (f32(word) + f32(0.5)) / (f32(~word) + f32(0.5))


@compiled(contract=True)
def add_logistic_gradient(
    logits, weights, gradients, temperature, key0, key1, step0, step1, group, first, first_sample, scale, out
):
    """Kernels.add_gradient for a LogisticSlope. With e = exp(-z / tau) and z = l - log odds, the slope is e / (1 + e)^2 / tau."""
    for chunk in prange((logits.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        logit, weight, into = logits[begin : begin + CHUNK], weights[begin : begin + CHUNK], out[begin : begin + CHUNK]
        n = logit.size
        total, factor, words = np.zeros(n, np.float32), np.empty(n, np.float32), np.empty((4, n), np.uint32)
        for i in range(n):
            factor[i] = exp(min(max(-logit[i], f32(-80)), f32(80)))
        for k in range(gradients.shape[0]):
            sample = first_sample + k
            if k == 0 or sample % 4 == 0:
                w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
                for i in range(n):
                    element = u64(first) + u64(begin + i)
                    high = u32(element >> u64(32)) | (u32(2 * group + sample // 4) << u32(16))
                    w0[i], w1[i], w2[i], w3[i] = philox(u32(element), high, step0, step1, key0, key1)
            word, gradient = words[sample % 4], gradients[k, begin : begin + CHUNK]
            if temperature == f32(1):
                for i in range(n):
                    e = min(factor[i] * odds(word[i]), _HUGE)
                    soft = f32(1) / (f32(1) + e)
                    total[i] += real(gradient[i]) * (e * soft * soft)
            else:
                for i in range(n):
                    e = f32(np.exp(-abs(logit[i] - np.log(odds(word[i]))) / temperature))  # the slope is even in z
                    soft = f32(1) / (f32(1) + e)
                    total[i] += real(gradient[i]) * (e * soft * soft)
        for i in range(n):
            into[i] += real(weight[i]) * total[i] * (scale / temperature)
