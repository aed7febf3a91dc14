"""Continuous sparsification: gates that are soft and not drawn, and harden while the temperature falls."""

from dataclasses import dataclass
from typing import ClassVar

from maskscope.masks.estimators.annealing import Annealing
from maskscope.masks.estimators.gate import Estimator
from maskscope.masks.kernels.gate_laws import SoftGate
from maskscope.masks.logits import DECIDED


@dataclass(frozen=True)
class ContinuousSparsification(Estimator):
    """value = sigmoid(l / tau), slope = its derivative; tau falls from 1 to 1/200. Nothing is drawn.

    Source: Savarese, Silva, Maire, "Winning the Lottery with Continuous Sparsification", NeurIPS 2020. Their beta is 1 / tau and
    rises to 200. They anneal in each of several rounds, and the penalty is theirs too; here there is one round, and the penalty
    is an argument of its own.
    """

    draws: ClassVar[bool] = False
    own_annealing: ClassVar[Annealing] = Annealing(1.0, 1 / 200)

    def law(self, share: float = 0.0) -> SoftGate:
        """See `Estimator.law`."""
        return SoftGate(self.temperature_at(share), drawn=False)

    def undecided_below(self, share: float) -> float:
        """See `Estimator.undecided_below`: where the gate itself is between .05 and .95."""
        return DECIDED * self.temperature_at(share)
