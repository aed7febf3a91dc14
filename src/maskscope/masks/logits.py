"""The learned parameters of a mask: one real logit for each selected weight."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from maskscope.errors import MaskMismatchError
from maskscope.masks.selection import Selection


@dataclass(frozen=True)
class MaskLogits:
    """One float32 logit for each selected weight; the keep probability is its sigmoid, and the mask is logit > 0.

    Args:
        selection: the weights, in order.
        flat: all logits in one vector, in the order of the tensors, row-major.
    """

    selection: Selection
    flat: Float32[Tensor, " n"]

    def __post_init__(self) -> None:
        if self.flat.dtype != torch.float32 or self.flat.shape != (self.selection.count,):
            raise MaskMismatchError(
                f"Expected {self.selection.count} float32 logits, found {self.flat.dtype} {list(self.flat.shape)}."
            )

    @classmethod
    def full(cls, selection: Selection, value: float, device: torch.device | None = None) -> "MaskLogits":
        """All logits with the same value (the paper starts at 2, a keep probability of 0.88)."""
        return cls(selection, torch.full((selection.count,), value, dtype=torch.float32, device=device))

    @classmethod
    def from_tensors(cls, selection: Selection, tensors: Mapping[str, Tensor]) -> "MaskLogits":
        """Logits from one tensor for each selected name."""
        if set(tensors) != set(selection.names):
            raise MaskMismatchError(
                f"Expected logits for {', '.join(selection.names)}; found them for {', '.join(tensors) or 'nothing'}."
            )
        return cls(selection, torch.cat([tensors[name].reshape(-1) for name in selection.names]))

    def by_tensor(self, flat: Tensor | None = None) -> dict[str, Tensor]:
        """The logits, or another vector of the same length, as views by dotted name in the weights' shapes."""
        pieces = torch.split(self.flat if flat is None else flat, [weight.count for weight in self.selection.weights])
        return {weight.name: piece.view(weight.shape) for weight, piece in zip(self.selection.weights, pieces, strict=True)}

    def density(self) -> float:
        """The share of logits above 0: the density of the current mask."""
        return self._share(lambda logits: logits > 0)

    def undecided(self, edge: float = 2.9444389791664403) -> float:
        """The share of logits closer to 0 than ``edge`` (`Estimator.undecided_below`).

        At the default, logit(.95), it is the share of weights whose keep probability lies between .05 and .95.
        """
        return self._share(lambda logits: logits.abs() < edge)

    def _share(self, holds: Callable[[Tensor], Tensor]) -> float:
        """The share of logits with a property. Counted in pieces that fit into the cache; a sum of bools is ten times slower."""
        pieces = self.flat.split(1 << 18)
        return sum(int(torch.count_nonzero(holds(piece))) for piece in pieces) / self.selection.count
