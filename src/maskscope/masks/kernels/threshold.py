"""Converts a logit to the integer threshold for its draw, by integer arithmetic only.

The last bit of a float sigmoid differs between libraries, and even between strided and contiguous tensors; with 50 million draws
in a step, that changes some gates. So the keep probability is a table of sigmoid(x) * 2^32 at steps of 1/128, interpolated:

    q = floor(clamp(l, -24, 24) * 2^15)                        exact in float32 (a power of two, then floor)
    i, f = q >> 8, q & 255
    threshold = T[i] + ((T[i+1] - T[i]) * (2 f + 1) >> 9)      fits 32 unsigned bits throughout; the middle of the step

    keep  <=>  draw < threshold,    so    P(keep) = threshold / 2^32

P(keep) differs from sigmoid(l) by less than 6e-6 (because the logit is quantised; the interpolation adds 7e-7). It is 0 below a
logit of -22.9, and 1 - 2^-32 at the other end. The table is part of the package and not computed, because `exp` differs between
platforms; the tests compute it again in exact decimal arithmetic.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

LIMIT = 24
STEPS_PER_UNIT = 128
_FIXED_POINT = 1 << 15


@dataclass(frozen=True)
class Position:
    """The positions of logits on the grid of the table."""

    index: Int64[Tensor, " n"]  # the index of the grid point below
    fraction: Int64[Tensor, " n"]  # the distance from it in 1/512 of a step: 2 f + 1, odd, in [1, 511]

    def interpolate(self, table: Float32[Tensor, " entries"]) -> Float32[Tensor, " n"]:
        """The values of a table over the same grid, linearly interpolated."""
        below = table.index_select(0, self.index)
        rise = table.diff(append=table[-1:]).index_select(0, self.index)
        return below.addcmul_(rise, self.fraction, value=1 / 512)


def position(logits: Float32[Tensor, " n"]) -> Position:
    """The grid position of each logit, clamped to [-24, 24]. Logits must not be NaN."""
    fixed = logits.clamp(-LIMIT, LIMIT).mul_(_FIXED_POINT).floor_().to(torch.int64)
    fixed.add_(LIMIT * _FIXED_POINT).clamp_(max=2 * LIMIT * _FIXED_POINT - 1)
    return Position(index=fixed >> 8, fraction=fixed.bitwise_and_(255).mul_(2).add_(1))


def keep_threshold(where: Position) -> Int64[Tensor, " n"]:
    """The threshold at each position, in [0, 2^32): a weight is kept if its draw is below its threshold."""
    table, rise = threshold_table(where.index.device)
    threshold = rise.index_select(0, where.index)
    return threshold.mul_(where.fraction).bitwise_right_shift_(9).add_(table.index_select(0, where.index))


@cache
def threshold_table(device: torch.device) -> tuple[Int64[Tensor, " entries"], Int64[Tensor, " entries"]]:
    """The thresholds at the grid points, and the difference from each to the next (its rise)."""
    with as_file(files("maskscope.masks.kernels") / "sigmoid_table.npy") as path:
        table = torch.from_numpy(np.load(path, allow_pickle=False).astype(np.int64)).to(device)
    return table, table.diff(append=table[-1:])


def grid(device: torch.device) -> Float64[Tensor, " entries"]:
    """The logits at the grid points, from -24 to 24 in steps of 1/128."""
    steps = LIMIT * STEPS_PER_UNIT
    return torch.arange(-steps, steps + 1, dtype=torch.float64, device=device) / STEPS_PER_UNIT
