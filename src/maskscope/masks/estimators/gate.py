"""What an estimator is: a way for the gradient to go back through a gate that cannot move.

A hard gate b is 0 or 1, so the loss has no derivative with respect to its logit. An estimator replaces it by a *slope*:

    gradient of logit  =  mean over the samples k of  w * g_k * slope_k

with w the weight and g_k the gradient of sample k's loss with respect to its masked weight.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from maskscope.errors import ConfigError
from maskscope.masks.kernels.slopes import SlopeLaw
from maskscope.masks.kernels.threshold import keep_threshold, position


@dataclass(frozen=True)
class Gates:
    """Samples of the gates of n weights."""

    is_open: Bool[Tensor, "samples n"]
    slope: Float32[Tensor, "samples n"]


@dataclass(frozen=True)
class Estimator(ABC):
    """A way to learn a logit through hard samples; a new one is one file and one row in the table.

    Every estimator obeys: a gate is open exactly when its draw is below `keep_threshold`, so that hard samples are
    Bernoulli(sigmoid(logit)) and the same draws give the same masks whatever the estimator.

    Args:
        temperature: tau, above 0; it shapes the slope only, never the samples.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ConfigError(f"temperature is {self.temperature}; a number above 0 was expected (the paper has 1).")

    @abstractmethod
    def law(self) -> SlopeLaw:
        """The slope of a gate."""

    def gates(self, logits: Float32[Tensor, " n"], draws: Int64[Tensor, "samples n"]) -> Gates:
        """The gates of samples from their draws, each in [0, 2^32): the definition that the kernels are compared with."""
        is_open = draws < keep_threshold(position(logits))
        return Gates(is_open, self.law().slope(logits, is_open, draws))
