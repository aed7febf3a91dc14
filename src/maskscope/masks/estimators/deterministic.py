"""The deterministic estimator: the mask itself in the forward pass, and a slope of 1."""

from dataclasses import dataclass
from typing import ClassVar

from maskscope.masks.estimators.gate import Estimator
from maskscope.masks.kernels.gate_laws import SignGate


@dataclass(frozen=True)
class Deterministic(Estimator):
    """value = 1[l > 0], slope = 1. Nothing is drawn, and there is no temperature.

    Source: Bengio, Léonard, Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", 2013, who credit Hinton
    with it; Mallya, Davis, Lazebnik, "Piggyback", ECCV 2018, learn masks over frozen weights so.
    """

    draws: ClassVar[bool] = False
    own_annealing: ClassVar[None] = None

    def law(self, share: float = 0.0) -> SignGate:
        """See `Estimator.law`; it is the same at all steps."""
        del share
        return SignGate()
