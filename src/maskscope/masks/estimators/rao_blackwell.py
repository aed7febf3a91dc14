"""The paper's gradient with less noise: the slope is replaced by its mean over all noise values that give the same gate."""

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float64
from torch import Tensor

from maskscope.errors import ConfigError
from maskscope.masks.estimators.gate import Estimator
from maskscope.masks.kernels.slopes import TableSlope
from maskscope.masks.kernels.threshold import grid

_SERIES_BELOW = 0.05


@dataclass(frozen=True)
class RaoBlackwell(Estimator):
    """slope = E[ s (1 - s) | b, l ]: the same mean gradient as `StraightThrough`, never a larger variance.

    The forward pass depends on the noise only through b, so averaging the slope given b changes no expectation. The mean depends
    only on b and the logit: it is looked up once for four samples, and no sample needs a logarithm.

    Source: Paulus, Maddison, Krause, "Rao-Blackwellizing the Straight-Through Gumbel-Softmax Gradient Estimator", ICLR 2021;
    the closed form for one binary gate at temperature 1 is derived in docs/method.md.

    Raises:
        ConfigError: a temperature other than 1, for which there is no closed form.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature != 1.0:
            raise ConfigError(
                f"rao-blackwell has a closed form at temperature 1 only, not at {self.temperature}. "
                "Leave the temperature at 1, or choose estimator 'straight-through'."
            )

    def law(self) -> TableSlope:
        """See `Estimator.law`; the interpolated table is within 1e-6 of the closed form."""
        return _law()


@cache
def _law() -> TableSlope:
    return TableSlope(*mean_slopes(grid(torch.device("cpu"))))


def mean_slopes(logits: Float64[Tensor, " n"]) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " n"]]:
    """c_1(l) and c_0(l) = c_1(-l): the mean of s (1 - s) given an open and given a closed gate.

    The textbook formula loses precision near l = 0 by cancellation, and overflows for large |l|. Here everything is computed from
    a = exp(-|l|) <= 1 in double precision, with the series 1/6 - l/48 - l^2/160 - l^3/2880 for |l| < 0.05.
    """
    size = logits.abs()
    a = torch.exp(-size)
    unlikely = _slope_of_unlikely_gate(a)
    # total = E[s (1 - s)] over both gates; subtracting the part of the unlikely gate gives that of the likely one
    total = a * ((size - 2) + (size + 2) * a) / (1 - a) ** 3
    likely = (1 + a) * total - a * unlikely
    near_zero = size < _SERIES_BELOW

    def pick(x: Float64[Tensor, " n"]) -> Float64[Tensor, " n"]:
        series = 1 / 6 - x / 48 - x**2 / 160 - x**3 / 2880
        return torch.where(near_zero, series, torch.where(x > 0, likely, unlikely))

    return pick(logits), pick(-logits)


def _slope_of_unlikely_gate(a: Float64[Tensor, " n"]) -> Float64[Tensor, " n"]:
    """c_1(log a) for a < 1: (1 + a) / (1 - a)^3 * [F(1) - F(m)], m = (1 + a) / 2, F(D) = -D + (1 + a) ln D + a / D."""
    middle = (1 + a) / 2
    bracket = (a - 1) - (-middle + 2 * middle * torch.log(middle) + a / middle)
    return 2 * middle / (1 - a) ** 3 * bracket
