"""Hard concrete: soft drawn gates that are stretched and clipped, so that many are exactly 0 or 1."""

from dataclasses import dataclass
from typing import ClassVar

from maskscope.masks.estimators.annealing import Annealing
from maskscope.masks.estimators.gate import Estimator
from maskscope.masks.kernels.gate_laws import SoftGate

_LOW, _HIGH = -0.1, 1.1


@dataclass(frozen=True)
class HardConcrete(Estimator):
    """value = clip(1.2 s - .1, 0, 1) with s = sigmoid((l + logistic noise) / tau); slope = its derivative, 0 where clipped.

    tau is 2/3 at all steps.

    Source: Louizos, Welling, Kingma, "Learning Sparse Neural Networks through L0 Regularization", ICLR 2018: their gamma is -.1,
    zeta 1.1, beta 2/3. Their mask at the end is the clipped mean gate; here it is logit > 0, as for every estimator.
    """

    draws: ClassVar[bool] = True
    own_annealing: ClassVar[Annealing] = Annealing(2 / 3, 2 / 3)

    def law(self, share: float = 0.0) -> SoftGate:
        """See `Estimator.law`."""
        return SoftGate(self.temperature_at(share), drawn=True, low=_LOW, high=_HIGH)
