"""Penalties on the size of a mask. To add one, write one class and add one row to the table."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from jaxtyping import Float32
from torch import Tensor

from maskscope.errors import ConfigError, UnknownNameError


@dataclass(frozen=True)
class Penalty(ABC):
    """A term added to the loss that prefers small masks.

    Args:
        weight: the factor alpha, at least 0.
    """

    weight: float

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise ConfigError(f"penalty_weight is {self.weight}; a number of at least 0 was expected.")

    @abstractmethod
    def value(self, logits: Float32[Tensor, " n"]) -> Float32[Tensor, ""]:
        """The value of the term, for reports."""

    @abstractmethod
    def begin_gradient(self, logits: Float32[Tensor, " n"], gradient: Float32[Tensor, " n"]) -> None:
        """Overwrites ``gradient`` with the derivative of the term; the gradient of the loss is added to it later."""


@dataclass(frozen=True)
class LogitSum(Penalty):
    """alpha * sum of all logits: every step pulls each logit down by the same constant, also far below 0.

    Source: Csordás et al. 2021, section 2; their alpha is beta / batch size of the *network's* training (their option
    ``mask_loss_weight`` is beta). It is the plain sum, without absolute values, probabilities or clamping.
    """

    def value(self, logits: Float32[Tensor, " n"]) -> Float32[Tensor, ""]:
        """See `Penalty.value`."""
        return self.weight * logits.sum()

    def begin_gradient(self, logits: Float32[Tensor, " n"], gradient: Float32[Tensor, " n"]) -> None:
        """See `Penalty.begin_gradient`."""
        gradient.fill_(self.weight)


PENALTIES: dict[str, type[Penalty]] = {"logit-sum": LogitSum}


def make_penalty(name: str, weight: float) -> Penalty:
    """The penalty with this name.

    Raises:
        UnknownNameError: there is no such penalty.
        ConfigError: a negative weight.
    """
    if name not in PENALTIES:
        raise UnknownNameError("penalty", name, PENALTIES)
    return PENALTIES[name](weight=weight)
