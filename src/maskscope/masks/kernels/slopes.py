"""How a gradient goes back through a gate: the laws that the kernels know, each with its definition in plain PyTorch.

A law is a value, not a method times a kernel: an estimator says which law it has, and every kernel serves every estimator.
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
    """The slope of a gate, given its logit, whether it is open, and the draw that opened it."""

    @abstractmethod
    def slope(
        self, logits: Float32[Tensor, " n"], is_open: Bool[Tensor, "s n"], draws: Int64[Tensor, "s n"]
    ) -> Float32[Tensor, "s n"]:
        """The definition: the slope of each gate. Draws are in [0, 2^32)."""


@dataclass(frozen=True, eq=False)
class TableSlope(SlopeLaw):
    """A slope that depends on the logit and the gate alone: two tables over the thresholds' grid, read linearly between points.

    Args:
        if_open: at each grid point.
        if_closed: at each grid point.
    """

    if_open: Float64[Tensor, " entries"]
    if_closed: Float64[Tensor, " entries"]

    @cached_property
    def tables(self) -> Float32[Tensor, "2 entries"]:
        """Both tables as the kernels read them: closed first, so that a gate's bit is its row."""
        return torch.stack([self.if_closed, self.if_open]).to(torch.float32)

    def slope(
        self, logits: Float32[Tensor, " n"], is_open: Bool[Tensor, "s n"], draws: Int64[Tensor, "s n"]
    ) -> Float32[Tensor, "s n"]:
        """See `SlopeLaw.slope`; the draws play no part."""
        del draws
        where: Position = position(logits)
        closed, opened = (where.interpolate(table) for table in _on(self, logits.device))
        return torch.where(is_open, opened, closed)


@dataclass(frozen=True, eq=False)
class LogisticSlope(SlopeLaw):
    """s (1 - s) / tau with s = sigmoid(z / tau), z = logit + logistic noise; the noise is read from the gate's own draw.

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
