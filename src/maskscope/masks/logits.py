"""The learned parameters of a mask: one real logit for each unit of the selected weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.errors import MaskMismatchError
from maskscope.masks.selection import Selection
from maskscope.masks.units import expanded

# logit(.95): beyond it, a drawn gate is open or closed with a probability of .95 at least
DECIDED = 2.9444389791664403


@dataclass(frozen=True)
class MaskLogits:
    """One logit for each unit; the keep probability is its sigmoid, and the mask is logit > 0.

    Args:
        selection: the weights and their units.
        flat: all logits in one vector, in the order of the groups of units; single weights in row-major order.

    Examples:
        >>> import torch, maskscope as ms
        >>> logits = ms.MaskLogits.full(ms.select(torch.nn.Linear(3, 2)), 2.0)
        >>> logits.density(), logits.undecided()
        (1.0, 1.0)
    """

    selection: Selection
    flat: Float[Tensor, " n"]

    def __post_init__(self) -> None:
        if self.flat.dtype not in (torch.float32, torch.bfloat16) or self.flat.shape != (self.selection.unit_count,):
            raise MaskMismatchError(
                f"Expected {self.selection.unit_count} float32 logits (bfloat16 in a lean search), found {self.flat.dtype} "
                f"{list(self.flat.shape)}."
            )

    @classmethod
    def full(
        cls,
        selection: Selection,
        value: float,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> "MaskLogits":
        """All logits with the same value (the paper starts at 2, a keep probability of 0.88)."""
        return cls(selection, torch.full((selection.unit_count,), value, dtype=dtype, device=device))

    @classmethod
    def from_units(cls, selection: Selection, values: Mapping[str, Tensor]) -> "MaskLogits":
        """Logits from one tensor for each group of units; for single weights, one for each selected name.

        Raises:
            MaskMismatchError: the values are for other units.
        """
        shapes = selection.unit_shapes
        if set(values) != set(shapes):
            raise MaskMismatchError(f"Expected logits for {', '.join(shapes)}; found them for {', '.join(values) or 'nothing'}.")
        return cls(selection, torch.cat([values[name].reshape(-1) for name in shapes]))

    def by_unit(self, flat: Tensor | None = None) -> dict[str, Tensor]:
        """The logits, or another vector of the same length, as views by group of units: see `Selection.unit_shapes`."""
        pieces = torch.split(self.flat if flat is None else flat, [group.count for group in self.selection.groups])
        shapes = self.selection.unit_shapes
        return {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}

    def by_tensor(self, flat: Tensor | None = None) -> dict[str, Tensor]:
        """The same by dotted name in the weights' shapes: for other units than single weights, copies."""
        return expanded(self.selection.groups, self.by_unit(flat), self.selection.shapes)

    def density(self) -> float:
        """The share of logits above 0: the density of the current mask."""
        return self._share(lambda logits: logits > 0)

    def undecided(self, edge: float = DECIDED) -> float:
        """The share of logits closer to 0 than ``edge`` (`Estimator.undecided_below`).

        At the default, logit(.95), it is the share of weights whose keep probability lies between .05 and .95.
        """
        return self._share(lambda logits: logits.abs() < edge)

    def _share(self, holds: Callable[[Tensor], Tensor]) -> float:
        """The share of logits with a property. Counted in pieces that fit into the cache; a sum of bools is ten times slower."""
        pieces = torch.split(self.flat, 1 << 18)
        return sum(int(torch.count_nonzero(holds(piece))) for piece in pieces) / self.selection.unit_count
