"""The passes as programs of Triton, each for `BLOCK` weights and all rows; `cuda.py` calls them with tensors.

What decides whether the bits are right:

* integers come as signed 32-bit pieces, made unsigned by their bits: Triton would choose a type by an argument's value, and make
  an argument that happens to be 1 a constant;
* the number of the step comes as such pieces, or as pointers to them: a recorded graph of a step repeats its arguments, and reads
  from memory what is to change;
* the low word of an element's index may overflow within a program: the carry goes to the high word;
* nothing that a gate depends on can be contracted or approximated: a position is a clamp, a product with a power of two and a
  truncation, and the rest is integers.

Annotations are left out but for ``tl.constexpr``, which Triton needs; ``no_type_check`` keeps the tests' checker from reading it.
"""

from typing import no_type_check

import triton
import triton.language as tl

from maskscope.masks.kernels.counter import MULTIPLIERS, ROUNDS, WEYL
from maskscope.masks.kernels.threshold import LIMIT

_ROUNDS = tl.constexpr(ROUNDS)
_M0, _M1 = tl.constexpr(MULTIPLIERS[0]), tl.constexpr(MULTIPLIERS[1])
_W0, _W1 = tl.constexpr(WEYL[0]), tl.constexpr(WEYL[1])
_LIMIT = tl.constexpr(float(LIMIT))
_FINE = tl.constexpr(float(1 << 15))
_MIDDLE = tl.constexpr(LIMIT << 15)
_LAST = tl.constexpr(2 * (LIMIT << 15) - 1)
# e^64 times odds of 2^33 is below the largest float32; beyond 64, a slope is below 1e-17
_FAR = tl.constexpr(64.0)

# The pieces of an address: left alone, Triton compiles anew for one that is 1 or divisible by 16.
ADDRESS = ["first0", "first1", "step0", "step1", "key0", "key1", "group"]


@triton.jit
@no_type_check
def _philox(x0, x1, x2, x3, k0, k1):
    """counter.philox, on counters of unsigned 32-bit words."""
    for _ in tl.static_range(_ROUNDS):
        high0, low0 = tl.umulhi(x0, _M0), x0 * _M0
        high1, low1 = tl.umulhi(x2, _M1), x2 * _M1
        x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
        k0, k1 = k0 + _W0, k1 + _W1
    return x0, x1, x2, x3


@triton.jit
@no_type_check
def elements(first0, first1, BLOCK: tl.constexpr):
    """The two words of the index of each of the program's elements in the whole tensor."""
    first = (first1.to(tl.int64) << 32) + first0.to(tl.uint32, bitcast=True).to(tl.int64)
    first += tl.program_id(0).to(tl.int64) * BLOCK
    start = first.to(tl.uint32)
    low = start + tl.arange(0, BLOCK).to(tl.uint32)
    return low, (first >> 32).to(tl.uint32) + (low < start).to(tl.uint32)


@triton.jit
@no_type_check
def _given(word):
    """A word that is passed as a number, or as a pointer to one."""
    if word.dtype.is_ptr():
        return tl.load(word)
    else:  # Triton compiles one branch, by the type
        return word


@triton.jit
@no_type_check
def draws(low, high, step0, step1, key0, key1, block):
    """The draws of the four samples of a block."""
    high = high | (block.to(tl.uint32) << 16)
    step0, step1 = _given(step0).to(tl.uint32, bitcast=True), _given(step1).to(tl.uint32, bitcast=True)
    key0, key1 = key0.to(tl.uint32, bitcast=True), key1.to(tl.uint32, bitcast=True)
    return _philox(low, high, step0, step1, key0, key1)


@triton.jit
@no_type_check
def _fixed(logit):
    """threshold.position, before it is cut into index and fraction."""
    fine = tl.minimum(tl.maximum(logit, -_LIMIT), _LIMIT) * _FINE
    whole = fine.to(tl.int32)
    below = whole - (whole.to(tl.float32) > fine).to(tl.int32)  # tl.floor takes subnormal numbers for zero
    return tl.minimum(below + _MIDDLE, _LAST)


@triton.jit
@no_type_check
def _threshold(fixed, table):
    """threshold.keep_threshold; ``table`` has an entry in the low and its rise in the high half of each word."""
    word = tl.load(table + (fixed >> 8)).to(tl.uint64, bitcast=True)
    fraction = ((fixed & 255) * 2 + 1).to(tl.uint32)
    return word.to(tl.uint32) + (((word >> 32).to(tl.uint32) * fraction) >> 9)


@triton.jit
@no_type_check
def _interpolated(fixed, table):
    """Position.interpolate; ``table`` has a float32 entry in the low and its rise / 512 in the high half of each word."""
    word = tl.load(table + (fixed >> 8)).to(tl.uint64, bitcast=True)
    rise = (word >> 32).to(tl.uint32).to(tl.float32, bitcast=True)
    return word.to(tl.uint32).to(tl.float32, bitcast=True) + rise * ((fixed & 255) * 2 + 1).to(tl.float32)


@triton.jit
@no_type_check
def _drawn(logit, table, first0, first1, step0, step1, key0, key1, group, SAMPLES: tl.constexpr, BLOCK: tl.constexpr):
    """The gates of the program's weights, as 32-bit words."""
    limit = _threshold(_fixed(logit), table)
    low, high = elements(first0, first1, BLOCK)
    bits = tl.full((BLOCK,), 0, tl.int32)
    for block in tl.static_range((SAMPLES + 3) // 4):
        x0, x1, x2, x3 = draws(low, high, step0, step1, key0, key1, group * 2 + block)
        pair0 = (x0 < limit).to(tl.int32) | ((x1 < limit).to(tl.int32) << 1)
        pair1 = (x2 < limit).to(tl.int32) | ((x3 < limit).to(tl.int32) << 1)
        bits = bits | ((pair0 | (pair1 << 2)) << (4 * block))
    return bits & ((1 << SAMPLES) - 1)


@triton.jit
@no_type_check
def _store_copies(weight, bits, out, stride, inside, ROWS: tl.constexpr):
    """Masked copies of weights that come as integers; ``out`` points to the first row's, ``bits`` begin with its gates."""
    for row in tl.static_range(ROWS):
        keep = 0 - ((bits >> row) & 1)  # all ones or all zeros, also when cut to the weight's size
        tl.store(out, weight & keep.to(weight.dtype), inside)
        out += stride  # not row * stride, which may overflow 32 bits


@triton.jit(do_not_specialize=ADDRESS)
@no_type_check
def open_gates(
    logits, table, first0, first1, step0, step1, key0, key1, group, gates, n, SAMPLES: tl.constexpr, BLOCK: tl.constexpr
):
    """Kernels.open_gates."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    logit = tl.load(logits + at, inside, other=0.0)
    bits = _drawn(logit, table, first0, first1, step0, step1, key0, key1, group, SAMPLES, BLOCK)
    tl.store(gates + at, bits.to(tl.uint8), inside)


@triton.jit(do_not_specialize=ADDRESS)
@no_type_check
def draw_masked(
    logits, weights, table, first0, first1, step0, step1, key0, key1, group, gates, out, n, stride,
    ROWS: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Kernels.draw_masked; weights and copies as integers of their size."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    logit = tl.load(logits + at, inside, other=0.0)
    weight = tl.load(weights + at, inside, other=0)
    bits = _drawn(logit, table, first0, first1, step0, step1, key0, key1, group, ROWS, BLOCK)
    tl.store(gates + at, bits.to(tl.uint8), inside)
    _store_copies(weight, bits, out + at, stride, inside, ROWS)


@triton.jit(do_not_specialize=["first_sample"])
@no_type_check
def copy_open(weights, gates, first_sample, out, n, stride, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Kernels.copy_open; weights and copies as integers of their size."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    weight = tl.load(weights + at, inside, other=0)
    bits = tl.load(gates + at, inside, other=0).to(tl.int32) >> first_sample
    _store_copies(weight, bits, out + at, stride, inside, ROWS)


@triton.jit(do_not_specialize=["first_sample"])
@no_type_check
def add_table_gradient(
    logits, weights, gates, gradients, closed, opened, first_sample, scale, out, n, stride,
    ROWS: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Kernels.add_gradient for a TableSlope."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    fixed = _fixed(tl.load(logits + at, inside, other=0.0))
    bits = tl.load(gates + at, inside, other=0).to(tl.int32) >> first_sample
    if_closed, if_open = _interpolated(fixed, closed), _interpolated(fixed, opened)
    total = tl.full((BLOCK,), 0.0, tl.float32)
    gradients += at
    for row in tl.static_range(ROWS):
        slope = tl.where(((bits >> row) & 1) != 0, if_open, if_closed)
        total += tl.load(gradients, inside, other=0.0).to(tl.float32) * slope
        gradients += stride
    weight = tl.load(weights + at, inside, other=0.0).to(tl.float32)
    tl.store(out + at, tl.load(out + at, inside, other=0.0) + weight * total * scale, inside)


@triton.jit
@no_type_check
def odds(word):
    """The odds v / (1 - v) of the uniform number v = (word + 1/2) / 2^32."""
    return (word.to(tl.float32) + 0.5) / ((word ^ 0xFFFFFFFF).to(tl.float32) + 0.5)


@triton.jit
@no_type_check
def _logistic_slope(word, logit, inverse, UNIT: tl.constexpr):
    """s (1 - s) with s = sigmoid(z / tau), z = logit - log(odds), for the odds of a draw: tau times the slope. It is even in z.

    With t = e^-|z / tau| it is t / (1 + t)^2, which neither overflows nor cancels. At tau = 1 the same with t = odds e^-logit:
    one exponential a weight, none and no logarithm a draw; ``logit`` is then e^-logit, bounded.
    """  # noqa: D403
    t = odds(word) * logit if UNIT else tl.exp(-tl.abs(logit - tl.log(odds(word))) * inverse)
    soft = 1.0 / (1.0 + t)
    return (t * soft) * soft


@triton.jit(do_not_specialize=ADDRESS)
@no_type_check
def add_logistic_gradient(
    logits, weights, gradients, inverse, first0, first1, step0, step1, key0, key1, group, scale, out, n, stride,
    FIRST: tl.constexpr, ROWS: tl.constexpr, UNIT: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Kernels.add_gradient for a LogisticSlope of temperature 1 / ``inverse``, for the rows of samples ``FIRST`` on."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    logit = tl.load(logits + at, inside, other=0.0)
    if UNIT:
        logit = tl.exp(tl.minimum(tl.maximum(-logit, -_FAR), _FAR))
    low, high = elements(first0, first1, BLOCK)
    total = tl.full((BLOCK,), 0.0, tl.float32)
    gradients += at
    for block in tl.static_range(FIRST // 4, (FIRST + ROWS + 3) // 4):
        x0, x1, x2, x3 = draws(low, high, step0, step1, key0, key1, group * 2 + block)
        for j in tl.static_range(4):
            if (4 * block + j >= FIRST) & (4 * block + j < FIRST + ROWS):
                word = x0 if j == 0 else (x1 if j == 1 else (x2 if j == 2 else x3))
                total += tl.load(gradients, inside, other=0.0).to(tl.float32) * _logistic_slope(word, logit, inverse, UNIT)
                gradients += stride
    weight = tl.load(weights + at, inside, other=0.0).to(tl.float32)
    tl.store(out + at, tl.load(out + at, inside, other=0.0) + weight * total * (scale * inverse), inside)
