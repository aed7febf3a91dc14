"""The soft Gumbel-sigmoid: gates that are soft and drawn, and harden while the temperature falls."""

from dataclasses import dataclass
from typing import ClassVar

from maskscope.masks.estimators.annealing import Annealing
from maskscope.masks.estimators.gate import Estimator
from maskscope.masks.kernels.gate_laws import SoftGate


@dataclass(frozen=True)
class SoftGumbel(Estimator):
    """value = sigmoid((l + logistic noise) / tau), slope = its derivative; tau falls from 2 to .1.

    The noise is that of `StraightThrough`: for the same draw, this gate is above 1/2 where that gate is open.

    Source: Maddison, Mnih, Teh, "The Concrete Distribution", ICLR 2017; Jang, Gu, Poole, "Categorical Reparameterization with
    Gumbel-Softmax", ICLR 2017. The temperatures are those of a pilot on planted modules.
    """

    draws: ClassVar[bool] = True
    own_annealing: ClassVar[Annealing] = Annealing(2.0, 0.1)

    def law(self, share: float = 0.0) -> SoftGate:
        """See `Estimator.law`."""
        return SoftGate(self.temperature_at(share), drawn=True)
