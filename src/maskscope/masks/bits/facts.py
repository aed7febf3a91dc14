"""What a mask says beside its bits: the tensors that it covers, how it was made, its units, and what stands where it is off."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch

from maskscope.errors import MaskMismatchError
from maskscope.masks.off import ZERO, Off
from maskscope.masks.units import UnitGroup, single_weights
from maskscope.storage import Json


@dataclass(frozen=True)
class MaskedWeight:
    """The weight tensor that a mask was found on: its dtype and the digest of its values; None where they are not known."""

    dtype: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class MaskFacts:
    """What a mask says beside its bits.

    Args:
        shapes: of the tensors, by dotted name.
        weights: the dtype and digest of the weights that the mask was found on, by name, where they are known.
        made_by: how the mask was made: estimator, seed, selection.
        units: the units of which all weights are kept or none, if these are not single weights in every tensor; else empty.
        off: what stands in place of the weights that are not kept.
    """

    shapes: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, MaskedWeight] = field(default_factory=dict)
    made_by: Json = field(default_factory=dict)
    units: tuple[UnitGroup, ...] = ()
    off: Off = ZERO

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of weights of each tensor, by dotted name."""
        return {name: torch.Size(shape).numel() for name, shape in self.shapes.items()}

    @property
    def groups(self) -> tuple[UnitGroup, ...]:
        """The units, in groups; for single weights, a group for each tensor."""
        return self.units or single_weights(self.counts)


def combined(word: str, first: MaskFacts, second: MaskFacts) -> MaskFacts:
    """What a set operation of two masks says.

    Args:
        word: of the operation: ``and``, ``or``, ``minus``.
        first: of the first mask.
        second: of the second mask.

    Raises:
        MaskMismatchError: the masks cover other weights, or have other values where they are off.
    """
    require_same_weights(first.shapes, second.shapes)
    weights = {name: known for name, known in first.weights.items() if second.weights.get(name) == known}
    # a chain of the same operation is one list, so that combining hundreds of masks does not nest hundreds deep
    before = first.made_by.get(word) if len(first.made_by) == 1 else None
    made_by = {word: [*(before if isinstance(before, list) else [first.made_by]), second.made_by]}
    units = first.units if first.units == second.units else ()
    return MaskFacts(first.shapes, weights, made_by, units, first.off.shared_with(second.off))


def inverted(made_by: Json) -> Json:
    """How the complement of a mask was made."""
    return {"not": made_by}


def require_same_weights(first: Mapping[str, tuple[int, ...]], second: Mapping[str, tuple[int, ...]]) -> None:
    """Raises `MaskMismatchError`, which lists every difference, unless two masks cover tensors of the same names and shapes."""
    faults = [f"{name}: only in the first mask" for name in first if name not in second]
    faults += [f"{name}: only in the second mask" for name in second if name not in first]
    faults += [
        f"{name}: shape {list(first[name])} in the first, {list(second[name])} in the second"
        for name in first
        if name in second and first[name] != second[name]
    ]
    if faults:
        raise MaskMismatchError("The two masks do not cover the same weights:\n  " + "\n  ".join(faults))
