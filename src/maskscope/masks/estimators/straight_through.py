"""The paper's estimator: Gumbel-sigmoid with a hard gate in the forward pass and the derivative of the soft gate backward."""

from dataclasses import dataclass
from typing import ClassVar

from maskscope.masks.estimators.annealing import Annealing
from maskscope.masks.estimators.gate import Estimator
from maskscope.masks.kernels.gate_laws import LogisticSlope


@dataclass(frozen=True)
class StraightThrough(Estimator):
    """s = sigmoid(z / tau) with z = logit + logistic noise; b = 1[z > 0] forward, ds/dl = s (1 - s) / tau backward.

    Source: Csordás et al. 2021, section 2. There the noise is the difference of two Gumbel variables, computed from two uniform
    ones; the logit of *one* uniform variable has the same distribution (docs/method.md).
    """

    draws: ClassVar[bool] = True
    own_annealing: ClassVar[Annealing] = Annealing(1.0, 1.0)

    def law(self, share: float = 0.0) -> LogisticSlope:
        """See `Estimator.law`; the noise is computed from the same draw that opens the gate."""
        return LogisticSlope(self.temperature_at(share))
