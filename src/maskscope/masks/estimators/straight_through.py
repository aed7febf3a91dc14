"""The paper's estimator: Gumbel-sigmoid with a hard forward pass and the soft gate's derivative backward."""

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from maskscope.masks.estimators.gate import Estimator, Gates
from maskscope.masks.kernels.threshold import keep_threshold, position


@dataclass(frozen=True)
class StraightThrough(Estimator):
    """s = sigmoid(z / tau) with z = logit + logistic noise; b = 1[z > 0] forward, ds/dl = s (1 - s) / tau backward.

    Source: Csordás et al. 2021, section 2. There the noise is the difference of two Gumbels, made from two uniforms; the
    logit of *one* uniform has the same law (docs/method.md).
    """

    def sample(self, logits: Float32[Tensor, " n"], draws: Int64[Tensor, "4 n"], gates: Gates) -> None:
        """See `Estimator.sample`; the noise is read from the same draw that opens the gate."""
        # v uniform in (0, 1): z = l - logit(v) > 0 exactly when v < sigmoid(l)
        uniform = draws.to(torch.float64).add_(0.5).mul_(2.0**-32)
        soft = torch.sigmoid((logits - torch.logit(uniform)) / self.temperature)
        gates.slope.copy_(soft.mul_(1 - soft).div_(self.temperature))
        torch.lt(draws, keep_threshold(position(logits)), out=gates.is_open)
