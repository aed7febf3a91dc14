"""The paper's gradient with less noise: the slope is replaced by its mean over all noise values that give the same gate."""

import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional

from maskscope.errors import ConfigError
from maskscope.masks.estimators.annealing import Annealing
from maskscope.masks.estimators.gate import Estimator
from maskscope.masks.kernels.gate_laws import TableSlope
from maskscope.masks.kernels.threshold import grid

_SERIES_BELOW = 0.05
_NODES = 16
_DENSITY_ENDS = 42.0


@dataclass(frozen=True)
class RaoBlackwell(Estimator):
    """slope = E[ s (1 - s) / tau | b, l ]: the same mean gradient as `StraightThrough`, never a larger variance.

    The forward pass depends on the noise only through b, so averaging the slope given b changes no expectation. The mean depends
    only on b and the logit: it is looked up once for four samples, and no sample needs a logarithm.

    Source: Paulus, Maddison, Krause, "Rao-Blackwellizing the Straight-Through Gumbel-Softmax Gradient Estimator", ICLR 2021;
    the closed form for one binary gate at temperature 1 is derived in docs/method.md. At other temperatures the mean is
    integrated numerically.

    Raises:
        ConfigError: a temperature that changes over the steps: the table of means would have to be made again at every step.
    """

    draws: ClassVar[bool] = True
    own_annealing: ClassVar[Annealing] = Annealing(1.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.annealing is not None and not self.annealing.is_constant:
            raise ConfigError(
                f"rao-blackwell has one temperature for all steps; annealing goes from {self.annealing.start} to "
                f"{self.annealing.end}. Leave annealing out, or choose estimator 'straight-through'."
            )

    def law(self, share: float = 0.0) -> TableSlope:
        """See `Estimator.law`; the interpolated table is within 1e-6 of the means. It is made once for each temperature."""
        return _law(self.temperature_at(share))


@cache
def _law(temperature: float) -> TableSlope:
    logits = grid(torch.device("cpu"))
    return TableSlope(*(mean_slopes(logits) if temperature == 1 else integrated_slopes(logits, temperature)))


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


def integrated_slopes(logits: Float64[Tensor, " n"], temperature: float) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " n"]]:
    """The same two means as `mean_slopes`, of s (1 - s) / tau with s = sigmoid(z / tau), by Gauss-Legendre quadrature.

    The mean for an open gate is the integral over z > 0 of q(z / tau) / tau times p(z - l) / P(z > 0), with p = q the logistic
    density. Both factors are analytic in a strip around the real line: of half-width pi for p, pi tau for q. So panels of twice
    the smaller scale with `_NODES` nodes each leave an error far below that of the table in float32.
    """
    scale = min(1.0, temperature)
    end = min(_DENSITY_ENDS * temperature, float(logits.abs().max()) + _DENSITY_ENDS)  # beyond it one factor is below 1e-17
    panels = math.ceil(end / (2 * scale))
    places, shares = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(_NODES))
    width = end / panels
    z = ((torch.arange(panels, dtype=torch.float64)[:, None] + (places + 1) / 2) * width).flatten()
    factor = torch.exp(_log_density(z / temperature)) / temperature * (shares / 2 * width).repeat(panels)

    def if_open(logit: Float64[Tensor, " n"]) -> Float64[Tensor, " n"]:
        density = torch.exp(_log_density(z - logit[:, None]) - functional.logsigmoid(logit)[:, None])
        return density @ factor

    return if_open(logits), if_open(-logits)


def _log_density(z: Float64[Tensor, "*shape"]) -> Float64[Tensor, "*shape"]:
    """The logarithm of the logistic density."""
    return -z.abs() - 2 * torch.log1p(torch.exp(-z.abs()))
