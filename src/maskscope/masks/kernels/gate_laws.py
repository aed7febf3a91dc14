"""Laws of a gate: its value in the forward pass, and its slope, by which a gradient is passed back through it.

Each has its definition in plain PyTorch. An estimator names its law, and every kernel supports every law; so kernels need no code
for single estimators.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor

from maskscope.masks.kernels.threshold import Position, keep_threshold, position

# Where z / tau is beyond this, a soft gate is exactly 0 or 1. Its distance from that is below 5e-18; as a factor of weights it
# would give subnormal numbers, with which products are many times slower.
FAR = 40.0


@dataclass(frozen=True, eq=False)
class GateLaw(ABC):
    """The value and the slope of a gate, as functions of its logit and its draw.

    The gates of most laws are hard and drawn: open (1) exactly when the draw is below `keep_threshold`, else closed (0). So they
    are Bernoulli(sigmoid(logit)), and equal draws give equal gates with all these laws.
    """

    @property
    def needs_draws(self) -> bool:
        """Whether a gate depends on its draw."""
        return True

    def value(self, logits: Float32[Tensor, " n"], draws: Int64[Tensor, "s n"]) -> Float32[Tensor, "s n"]:
        """The value of each gate in [0, 1]; draws are in [0, 2^32)."""
        return (draws < keep_threshold(position(logits))).to(torch.float32)

    @abstractmethod
    def slope(
        self, logits: Float32[Tensor, " n"], is_open: Bool[Tensor, "s n"], draws: Int64[Tensor, "s n"]
    ) -> Float32[Tensor, "s n"]:
        """The slope of each gate: what stands for the derivative of its value with respect to its logit.

        Args:
            logits: the logits.
            is_open: whether each gate is open; only laws of hard gates use it.
            draws: the draws, in [0, 2^32).
        """


@dataclass(frozen=True, eq=False)
class TableSlope(GateLaw):
    """A drawn gate whose slope depends only on the logit and on whether it is open: two tables, interpolated linearly.

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
        """See `GateLaw.slope`; the draws are not used."""
        del draws
        where: Position = position(logits)
        closed, opened = (where.interpolate(table) for table in _on(self, logits.device))
        return torch.where(is_open, opened, closed)


@dataclass(frozen=True, eq=False)
class LogisticSlope(GateLaw):
    """A drawn gate with the slope s (1 - s) / tau, where s = sigmoid(z / tau) and z = logit + logistic noise.

    The noise is computed from the draw of the gate.

    Args:
        temperature: tau.
    """

    temperature: float = 1.0

    def slope(
        self, logits: Float32[Tensor, " n"], is_open: Bool[Tensor, "s n"], draws: Int64[Tensor, "s n"]
    ) -> Float32[Tensor, "s n"]:
        """See `GateLaw.slope`."""
        del is_open
        soft = torch.sigmoid((logits - _odds_logit(draws)) / self.temperature)
        return soft.mul_(1 - soft).div_(self.temperature).to(torch.float32)


@dataclass(frozen=True, eq=False)
class SignGate(GateLaw):
    """A hard gate that is not drawn: open where the logit is above 0. Its slope is 1."""

    @property
    def needs_draws(self) -> bool:
        """See `GateLaw.needs_draws`."""
        return False

    def value(self, logits: Float32[Tensor, " n"], draws: Int64[Tensor, "s n"]) -> Float32[Tensor, "s n"]:
        """See `GateLaw.value`; all samples are the same."""
        return (logits > 0).to(torch.float32).expand(draws.shape)

    def slope(
        self, logits: Float32[Tensor, " n"], is_open: Bool[Tensor, "s n"], draws: Int64[Tensor, "s n"]
    ) -> Float32[Tensor, "s n"]:
        """See `GateLaw.slope`."""
        del is_open
        return torch.ones_like(logits).expand(draws.shape)


@dataclass(frozen=True, eq=False)
class SoftGate(GateLaw):
    """A soft gate: s = sigmoid(z / tau), stretched to [low, high] and clipped to [0, 1]. Its slope is its derivative.

    Args:
        temperature: tau.
        drawn: whether z is the logit plus logistic noise, as in `LogisticSlope`; else it is the logit.
        low: where the stretched gate begins, at most 0.
        high: where it ends, at least 1.
    """

    temperature: float
    drawn: bool
    low: float = 0.0
    high: float = 1.0

    @property
    def needs_draws(self) -> bool:
        """See `GateLaw.needs_draws`."""
        return self.drawn

    @property
    def span(self) -> float:
        """The factor of the stretch."""
        return self.high - self.low

    @property
    def bounds(self) -> tuple[float, float]:
        """Up to which z / tau the gate is exactly 0, and from which on it is exactly 1; outside of them its slope is 0."""
        shut = math.log(-self.low / self.high) if self.low < 0 else -FAR  # logit of the s that is stretched to 0
        whole = math.log((1 - self.low) / (self.high - 1)) if self.high > 1 else FAR
        return max(shut, -FAR), min(whole, FAR)

    def value(self, logits: Float32[Tensor, " n"], draws: Int64[Tensor, "s n"]) -> Float32[Tensor, "s n"]:
        """See `GateLaw.value`."""
        t = self._scaled(logits, draws)
        shut, whole = self.bounds
        stretched = self.low + self.span * torch.sigmoid(t)
        return stretched.masked_fill_(t <= shut, 0).masked_fill_(t >= whole, 1).to(torch.float32)

    def slope(
        self, logits: Float32[Tensor, " n"], is_open: Bool[Tensor, "s n"], draws: Int64[Tensor, "s n"]
    ) -> Float32[Tensor, "s n"]:
        """See `GateLaw.slope`."""
        del is_open
        t = self._scaled(logits, draws)
        shut, whole = self.bounds
        derivative = torch.sigmoid(t).mul_(torch.sigmoid(-t)).mul_(self.span / self.temperature)
        return derivative.masked_fill_((t <= shut) | (t >= whole), 0).to(torch.float32)

    def _scaled(self, logits: Float32[Tensor, " n"], draws: Int64[Tensor, "s n"]) -> Float64[Tensor, "s n"]:
        z = logits - _odds_logit(draws) if self.drawn else logits.to(torch.float64).expand(draws.shape)
        return z / self.temperature


def _odds_logit(draws: Int64[Tensor, "s n"]) -> Float64[Tensor, "s n"]:
    """logit(v) for v uniform in (0, 1): the logit minus this is above 0 exactly when v < sigmoid(logit)."""
    return torch.logit(draws.to(torch.float64).add_(0.5).mul_(2.0**-32))


@cache
def _on(law: TableSlope, device: torch.device) -> Float32[Tensor, "2 entries"]:
    return law.tables.to(device)
