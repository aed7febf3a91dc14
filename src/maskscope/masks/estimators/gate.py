"""What an estimator is: a way to pass a gradient back through a gate that is only 0 or 1.

A hard gate b is 0 or 1, so the loss has no useful derivative with respect to its logit. An estimator replaces the derivative of
the gate by a *slope*:

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
    """Sampled gates of n weights: whether each is open, and its slope."""

    is_open: Bool[Tensor, "samples n"]
    slope: Float32[Tensor, "samples n"]


@dataclass(frozen=True)
class Estimator(ABC):
    """A way to learn a logit from hard samples. To add one, add one file and one row in the table.

    For every estimator, a gate is open exactly when its draw is below `keep_threshold`. So hard samples are
    Bernoulli(sigmoid(logit)), and equal draws give equal masks with all estimators.

    Args:
        temperature: tau, above 0; it changes only the slope, never the samples.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ConfigError(f"temperature is {self.temperature}; a number above 0 was expected (the paper has 1).")

    exact = False

    def undecided_below(self, share: float) -> float:
        del share
        return 2.9444389791664403

    def keep_temperature(self, share: float) -> float:
        """The keep probability of a logit l is sigmoid(l / temperature); 0: a gate is 0 or 1."""
        return self.undecided_below(share) / 2.9444389791664403

    @abstractmethod
    def law(self) -> SlopeLaw:
        """The slope of a gate."""

    def gates(self, logits: Float32[Tensor, " n"], draws: Int64[Tensor, "samples n"]) -> Gates:
        """The gates for given draws, each in [0, 2^32). This is the definition; the kernels are tested against it."""
        is_open = draws < keep_threshold(position(logits))
        return Gates(is_open, self.law().slope(logits, is_open, draws))
