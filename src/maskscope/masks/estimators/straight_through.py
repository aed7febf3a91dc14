"""The paper's estimator: Gumbel-sigmoid with a hard forward pass and the soft gate's derivative backward."""

from dataclasses import dataclass

from maskscope.masks.estimators.gate import Estimator
from maskscope.masks.kernels.slopes import LogisticSlope


@dataclass(frozen=True)
class StraightThrough(Estimator):
    """s = sigmoid(z / tau) with z = logit + logistic noise; b = 1[z > 0] forward, ds/dl = s (1 - s) / tau backward.

    Source: Csordás et al. 2021, section 2. There the noise is the difference of two Gumbels, made from two uniforms; the
    logit of *one* uniform has the same law (docs/method.md).
    """

    def law(self) -> LogisticSlope:
        """See `Estimator.law`; the noise is read from the same draw that opens the gate."""
        return LogisticSlope(self.temperature)
