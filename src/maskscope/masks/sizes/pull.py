"""The two penalties on the size of a mask, as terms of the loss: what each step pulls every logit down by."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from maskscope.errors import UnknownNameError


class Pull(ABC):
    """A term that prefers small masks, for a weight alpha of 1. To add one, write one class and add one row to the table."""

    @abstractmethod
    def value(self, logits: Float[Tensor, " n"], temperature: float) -> Float32[Tensor, ""]:
        """The value of the term.

        Args:
            logits: of the mask.
            temperature: the keep probability of a logit l is sigmoid(l / temperature).
        """

    @abstractmethod
    def begin_gradient(
        self, logits: Float[Tensor, " n"], weight: float, temperature: float, gradient: Float32[Tensor, " n"]
    ) -> None:
        """Overwrites ``gradient`` with ``weight`` times the derivative; the gradient of the loss is added to it later."""


class LogitSum(Pull):
    """The sum of all logits: every step pulls each logit down by the same constant, also far below 0.

    Source: Csordás et al. 2021, section 2; their alpha is beta / batch size of the *network's* training (their option
    ``mask_loss_weight`` is beta). It is the plain sum, without absolute values, probabilities or clamping.
    """

    def value(self, logits: Float[Tensor, " n"], temperature: float) -> Float32[Tensor, ""]:
        """See `Pull.value`."""
        del temperature
        return logits.sum()

    def begin_gradient(
        self, logits: Float[Tensor, " n"], weight: float, temperature: float, gradient: Float32[Tensor, " n"]
    ) -> None:
        """See `Pull.begin_gradient`."""
        del temperature
        gradient.fill_(weight)


class ProbabilitySum(Pull):
    """The expected number of units kept: a logit far from 0, in either direction, is no longer pulled.

    Source: Louizos, Welling, Kingma, "Learning Sparse Neural Networks through L0 Regularization", ICLR 2018, equation 4, for
    gates that are 0 or 1.
    """

    def value(self, logits: Float[Tensor, " n"], temperature: float) -> Float32[Tensor, ""]:
        """See `Pull.value`."""
        return torch.sigmoid(logits / temperature).sum()

    def begin_gradient(
        self, logits: Float[Tensor, " n"], weight: float, temperature: float, gradient: Float32[Tensor, " n"]
    ) -> None:
        """See `Pull.begin_gradient`."""
        torch.div(logits, temperature, out=gradient).sigmoid_()
        gradient.addcmul_(gradient, gradient, value=-1).mul_(weight / temperature)


PULLS: dict[str, Pull] = {"logits": LogitSum(), "probabilities": ProbabilitySum()}


def pull_named(name: str) -> Pull:
    """The term with this name.

    Raises:
        UnknownNameError: there is no such term.
    """
    if name not in PULLS:
        raise UnknownNameError("penalty", name, PULLS)
    return PULLS[name]
