"""What an estimator is: what stands in the place of a gate while its logit is learned, and how a gradient passes back through it.

The mask that is found is hard: a weight is kept if its logit is above 0. While it is learned, a gate has a *value* in [0, 1], by
which its weight is multiplied in the forward pass, and a *slope* in the backward pass:

    gradient of logit  =  mean over the samples k of  w * g_k * slope_k

with w the weight and g_k the gradient of sample k's loss with respect to its masked weight. Where the value is only 0 or 1, it
has no useful derivative, and the slope stands for it; where the value is soft, the slope is its derivative.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float32, Int64
from torch import Tensor

from maskscope.errors import ConfigError
from maskscope.masks.estimators.annealing import Annealing
from maskscope.masks.kernels.gate_laws import GateLaw
from maskscope.masks.logits import DECIDED


@dataclass(frozen=True)
class Gates:
    """The gates of n weights in some samples: the value of each, and its slope."""

    value: Float32[Tensor, "samples n"]
    slope: Float32[Tensor, "samples n"]


@dataclass(frozen=True)
class Estimator(ABC):
    """A way to learn a logit. To add one, add one file and one row in the table.

    Args:
        temperature: a factor of the estimator's own temperatures, above 0; the paper's is 1.
        annealing: the temperatures over the steps; None for the estimator's own.

    Attributes:
        draws: whether its gates are random. If not, all samples are the same: one call of the network a step is enough.
        own_annealing: its temperatures over the steps; None if it has no temperature.
        exact: whether each step needs exactly the asked number of logits above 0.
    """

    temperature: float = 1.0
    annealing: Annealing | None = None

    draws: ClassVar[bool]
    own_annealing: ClassVar[Annealing | None]
    exact: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ConfigError(f"temperature is {self.temperature}; a number above 0 was expected (the paper has 1).")
        if self.own_annealing is None and (self.temperature != 1 or self.annealing is not None):
            raise ConfigError("This estimator has no temperature: leave temperature at 1, and annealing out.")

    @abstractmethod
    def law(self, share: float = 0.0) -> GateLaw:
        """The value and the slope of a gate after a share of the steps, in [0, 1]. It is asked for at every step."""

    def gates(self, logits: Float32[Tensor, " n"], draws: Int64[Tensor, "samples n"], share: float = 0.0) -> Gates:
        """The gates for given draws, each in [0, 2^32). This is the definition; the kernels are tested against it.

        Args:
            logits: the logits.
            draws: the draws; if the estimator draws nothing, only their shape is used.
            share: the share of the steps that are done.
        """
        law = self.law(share)
        value = law.value(logits, draws)
        return Gates(value, law.slope(logits, value > 0, draws))

    def temperature_at(self, share: float) -> float:
        """The temperature after a share of the steps."""
        annealing = self.annealing or self.own_annealing
        return self.temperature * (1.0 if annealing is None else annealing.at(share))

    def undecided_below(self, share: float) -> float:
        """A logit closer to 0 than this is undecided: its keep probability, or its gate, is between .05 and .95.

        It is 0 for an estimator without a temperature, whose gates are 0 or 1 and are not drawn.
        """
        del share
        return 0.0 if self.own_annealing is None else DECIDED

    def keep_temperature(self, share: float) -> float:
        """T, where a unit is kept with probability, or its gate has the value, sigmoid(logit / T); 0 for gates of 0 or 1."""
        return self.undecided_below(share) / DECIDED
