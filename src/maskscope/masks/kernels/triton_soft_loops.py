"""The passes for soft gates as programs of Triton, like those of `triton_loops.py`; `cuda.py` calls them with tensors.

The value of a gate is computed where it is used, in float32. Nothing here has to be right to the bit.
"""

from typing import no_type_check

import triton
import triton.language as tl

from maskscope.masks.kernels.triton_loops import ADDRESS, draws, elements, odds


@triton.jit
@no_type_check
def _exponential(logit, word, inverse, shut, whole, DRAWN: tl.constexpr):
    """Z / tau, and e^-z/tau for it within the bounds."""
    t = (logit - tl.log(odds(word))) * inverse if DRAWN else logit * inverse
    return t, tl.exp(-tl.minimum(tl.maximum(t, shut), whole))


@triton.jit
@no_type_check
def _value(logit, word, inverse, shut, whole, low, span, DRAWN: tl.constexpr):
    """SoftGate.value."""
    t, e = _exponential(logit, word, inverse, shut, whole, DRAWN)
    return tl.where(t <= shut, 0.0, tl.where(t >= whole, 1.0, low + span / (1.0 + e)))


@triton.jit
@no_type_check
def _slope(logit, word, inverse, shut, whole, DRAWN: tl.constexpr):
    """SoftGate.slope without its factor span / tau."""
    t, e = _exponential(logit, word, inverse, shut, whole, DRAWN)
    soft = 1.0 / (1.0 + e)
    return tl.where((t > shut) & (t < whole), (e * soft) * soft, 0.0)


@triton.jit
@no_type_check
def _product(weight, value):
    """A weight times the value of its gate; +0 where the gate is exactly 0, whatever the weight."""
    return tl.where(value > 0, weight * value, 0.0)


@triton.jit(do_not_specialize=ADDRESS)
@no_type_check
def copy_soft(
    logits, weights, inverse, shut, whole, low, span, first0, first1, step0, step1, key0, key1, group, out, n, stride,
    FIRST: tl.constexpr, ROWS: tl.constexpr, DRAWN: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Kernels.copy_soft, for the rows of samples ``FIRST`` on."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    logit = tl.load(logits + at, inside, other=0.0)
    weight = tl.load(weights + at, inside, other=0.0)
    out += at
    if DRAWN:
        low_word, high_word = elements(first0, first1, BLOCK)
        for block in tl.static_range(FIRST // 4, (FIRST + ROWS + 3) // 4):
            x0, x1, x2, x3 = draws(low_word, high_word, step0, step1, key0, key1, group * 2 + block)
            for j in tl.static_range(4):
                if (4 * block + j >= FIRST) & (4 * block + j < FIRST + ROWS):
                    word = x0 if j == 0 else (x1 if j == 1 else (x2 if j == 2 else x3))
                    value = _value(logit, word, inverse, shut, whole, low, span, True)
                    tl.store(out, _product(weight, value).to(out.dtype.element_ty), inside)
                    out += stride  # not row * stride, which may overflow 32 bits
    else:
        value = _value(logit, logit, inverse, shut, whole, low, span, False)
        for _ in tl.static_range(ROWS):
            tl.store(out, _product(weight, value).to(out.dtype.element_ty), inside)
            out += stride


@triton.jit(do_not_specialize=ADDRESS)
@no_type_check
def add_soft_gradient(
    logits, weights, gradients, inverse, shut, whole, first0, first1, step0, step1, key0, key1, group, scale, out, n, stride,
    FIRST: tl.constexpr, ROWS: tl.constexpr, DRAWN: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Kernels.add_gradient for a SoftGate, for the rows of samples ``FIRST`` on; ``scale`` holds the factor span / tau too."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    logit = tl.load(logits + at, inside, other=0.0)
    total = tl.full((BLOCK,), 0.0, tl.float32)
    gradients += at
    if DRAWN:
        low, high = elements(first0, first1, BLOCK)
        for block in tl.static_range(FIRST // 4, (FIRST + ROWS + 3) // 4):
            x0, x1, x2, x3 = draws(low, high, step0, step1, key0, key1, group * 2 + block)
            for j in tl.static_range(4):
                if (4 * block + j >= FIRST) & (4 * block + j < FIRST + ROWS):
                    word = x0 if j == 0 else (x1 if j == 1 else (x2 if j == 2 else x3))
                    slope = _slope(logit, word, inverse, shut, whole, True)
                    total += tl.load(gradients, inside, other=0.0).to(tl.float32) * slope
                    gradients += stride
    else:
        for _ in tl.static_range(ROWS):
            total += tl.load(gradients, inside, other=0.0).to(tl.float32)
            gradients += stride
        total *= _slope(logit, logit, inverse, shut, whole, False)
    weight = tl.load(weights + at, inside, other=0.0).to(tl.float32)
    tl.store(out + at, tl.load(out + at, inside, other=0.0) + weight * total * scale, inside)
