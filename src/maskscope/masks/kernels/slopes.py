"""Laws of the slope: how a gradient is passed back through a gate. Each has its definition in plain PyTorch.

An estimator names its law, and every kernel supports every law; so kernels need no code for single estimators.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor

from maskscope.masks.kernels.threshold import Position, position


@dataclass(frozen=True, eq=False)
class SlopeLaw(ABC):
    """The slope of a gate as a function of its logit, whether it is open, and its draw."""

    @abstractmethod
    def slope(
        self, logits: Float32[Tensor, " n"], is_open: Bool[Tensor, "s n"], draws: Int64[Tensor, "s n"]
    ) -> Float32[Tensor, "s n"]:
        """The slope of each gate (the definition); draws are in [0, 2^32)."""


@dataclass(frozen=True, eq=False)
class TableSlope(SlopeLaw):
    """A slope that depends only on the logit and on whether the gate is open: two tables, interpolated linearly.

    Args:
        if_open: the slope of an open gate at each point of the thresholds' grid.
        if_closed: the slope of a closed gate at each point of the grid.
    """

    if_open: Float64[Tensor, " entries"]
    if_closed: Float64[Tensor, " entries"]

    @cached_property
    def tables(self) -> Float32[Tensor, "2 entries"]:
        """Both tables in the form for the kernels: closed first, so that the bit of a gate is the row of its table."""
        return torch.stack([self.if_closed, self.if_open]).to(torch.float32)

    def slope(
        self, logits: Float32[Tensor, " n"], is_open: Bool[Tensor, "s n"], draws: Int64[Tensor, "s n"]
    ) -> Float32[Tensor, "s n"]:
        """See `SlopeLaw.slope`; the draws are not used."""
        del draws
        where: Position = position(logits)
        closed, opened = (where.interpolate(table) for table in _on(self, logits.device))
        return torch.where(is_open, opened, closed)


@dataclass(frozen=True, eq=False)
class LogisticSlope(SlopeLaw):
    """s (1 - s) / tau with s = sigmoid(z / tau), z = logit + logistic noise; the noise is computed from the draw of the gate.

    Args:
        temperature: tau.
    """

    temperature: float = 1.0

    def slope(
        self, logits: Float32[Tensor, " n"], is_open: Bool[Tensor, "s n"], draws: Int64[Tensor, "s n"]
    ) -> Float32[Tensor, "s n"]:
        """See `SlopeLaw.slope`."""
        del is_open
        # v uniform in (0, 1): z = l - logit(v) > 0 exactly when v < sigmoid(l)
        uniform = draws.to(torch.float64).add_(0.5).mul_(2.0**-32)
        soft = torch.sigmoid((logits - torch.logit(uniform)) / self.temperature)
        return soft.mul_(1 - soft).div_(self.temperature).to(torch.float32)


@cache
def _on(law: TableSlope, device: torch.device) -> Float32[Tensor, "2 entries"]:
    return law.tables.to(device)
