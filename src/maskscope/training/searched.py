"""The network of one search, and what its loss is with other weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.masks import Loss, MaskLogits, call_with, masked_weights
from maskscope.masks.parts import PartCopies


@dataclass(frozen=True)
class Searched:
    """The network of one mask.

    Args:
        network: the network, in the mode of the search.
        loss: ``loss(network, part)``.
        logits: of the mask.
        off: the off-values of its weights, by dotted name; zero for those that are not named.
    """

    network: nn.Module
    loss: Loss
    logits: MaskLogits
    off: Mapping[str, Tensor]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The selected weights, by dotted name."""
        return self.logits.selection.of(self.network)

    def weights_under(self, kept: Tensor | None) -> dict[str, Tensor]:
        """The weights with the bits of a mask, by unit; for None, those of the whole network."""
        if kept is None:
            return self.weights
        return masked_weights(self.weights, self.logits.by_tensor(kept.to(self.logits.flat.device)), self.off)

    def mean_loss(self, weights: Mapping[str, Tensor], parts: Sequence[object]) -> float:
        """The mean loss over some parts."""
        return sum(self.loss_under(weights, part) for part in parts) / len(parts)

    def loss_under(self, weights: Mapping[str, Tensor], part: object, are_own: bool = False) -> float:
        """The loss with other weights.

        Args:
            weights: by dotted name.
            part: of the data.
            are_own: whether nobody else uses these tensors, so that they need not be copied.
        """
        given = weights if are_own else {name: weight.detach().clone() for name, weight in weights.items()}
        return float(self.used(given, lambda guest: self.loss(guest, part)).detach())

    def used(self, weights: Mapping[str, Tensor], use: Callable[[nn.Module], Any]) -> Any:
        """Calls ``use`` with the network under these weights; gradients are recorded, as the loss may compute some itself."""
        leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        with torch.enable_grad():
            return call_with(self.network, leaves, use)

    def loss_of_copy(self, weights: Mapping[str, Tensor], part: object, are_own: bool = False) -> float:
        """The same as `loss_under`, for a copy of the part, because the loss may write into it."""
        return self.loss_under(weights, PartCopies().copied(part), are_own)
