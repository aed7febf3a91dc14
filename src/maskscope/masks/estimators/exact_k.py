"""Exactly k weights at every step: the gates of `Deterministic`, over logits whose k largest are above 0."""

from dataclasses import dataclass
from typing import ClassVar

from maskscope.masks.estimators.gate import Estimator
from maskscope.masks.kernels.gate_laws import SignGate


@dataclass(frozen=True)
class ExactK(Estimator):
    """value = 1[l > 0], slope = 1, where the logits are moved together before each step so that exactly k are above 0.

    The size of the mask is an argument of the search, which moves the logits; without one this is `Deterministic`.

    Source: Ramanujan et al., "What's Hidden in a Randomly Weighted Neural Network?", CVPR 2020 (edge-popup). They take the k
    largest scores of each layer; here k counts over all tensors.
    """

    draws: ClassVar[bool] = False
    own_annealing: ClassVar[None] = None
    exact: ClassVar[bool] = True

    def law(self, share: float = 0.0) -> SignGate:
        """See `Estimator.law`; it is the same at all steps."""
        del share
        return SignGate()
