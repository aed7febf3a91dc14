"""Stochastic rounding to bfloat16 with the bits of the counter (counter.py), so that it can be repeated anywhere.

A number between two bfloat16 neighbours becomes the upper one with a probability equal to its distance from the lower one, in
units of the gap. So steps that are much smaller than the gap count in the mean; with rounding to the nearest they would be lost.

The 16 bits of an element depend only on the key, the step and its index in the whole tensor. One call of the generator serves
eight elements: element i has counter i // 8, word (i % 8) // 2, and of the word the low half if i is even, else the high half.
This file is the definition.
"""

import torch
from jaxtyping import BFloat16, Float32, Int32
from torch import Tensor

from maskscope.masks.kernels.counter import CHUNK, draw_words

_EACH = 8  # elements that one call of the generator serves


def round_by_chance(
    values: Float32[Tensor, " n"], key: tuple[int, int], step: int, first: int, out: BFloat16[Tensor, " n"]
) -> None:
    """See `Kernels.round_by_chance`."""
    for start in range(0, values.numel(), _EACH * CHUNK):
        here = slice(start, start + _EACH * CHUNK)
        bits = values[here].view(torch.int32)
        # the bits of a float, without its sign, grow with its size; a carry goes over into the exponent, as it should
        moved = (bits + rounding_bits(key, step, first + start, bits.numel(), bits.device)).bitwise_right_shift_(16)
        out[here].copy_(moved.to(torch.int16).view(torch.bfloat16))


def rounding_bits(key: tuple[int, int], step: int, first: int, count: int, device: torch.device) -> Int32[Tensor, " count"]:
    """The 16 random bits of each of ``count`` elements from index ``first`` on, as numbers from 0 to 65,535."""
    before = first % _EACH
    counters = -(-(before + count) // _EACH)
    words = torch.empty(4, counters, dtype=torch.int64, device=device)
    draw_words(key, step=step, block=0, first=first // _EACH, count=counters, out=words)
    halves = words.to(torch.int32).t().contiguous().view(torch.int16).view(-1)
    return halves[before : before + count].to(torch.int32).bitwise_and_(0xFFFF)
