"""What all masks have in common, whether their bits are in memory or in a file."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping

import numpy as np
from torch import Tensor, nn

from maskscope.errors import MaskMismatchError, suggestion
from maskscope.masks.bits.facts import MaskedWeight, MaskFacts
from maskscope.masks.bits.packing import popcount
from maskscope.masks.notebook_cells import mask_cell
from maskscope.masks.off import Off
from maskscope.masks.selection import aliases, dtype_name
from maskscope.masks.units import UnitGroup
from maskscope.storage import Json, tensor_digest
from maskscope.storage.byte_vectors import Block


class Mask(Mapping[str, Tensor]):
    """A mapping from dotted parameter name to a bool tensor in the weight's shape: True keeps the weight.

    Units are single weights unless ``units`` says otherwise; sizes and densities are counted in them.
    """

    shapes: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, MaskedWeight]
    made_by: Json
    units: tuple[UnitGroup, ...]
    off: Off

    @abstractmethod
    def by_weight(self) -> "Mask":
        """The same mask over single weights."""

    @abstractmethod
    def packed(self, group: UnitGroup) -> Iterator[Block]:
        """The bits of a group of units, eight a byte, in blocks; two masks have blocks of the same lengths."""

    @property
    def facts(self) -> MaskFacts:
        """What the mask says beside its bits."""
        return MaskFacts(self.shapes, self.weights, self.made_by, self.units, self.off)

    @property
    def groups(self) -> tuple[UnitGroup, ...]:
        """The units, in groups; for single weights, a group for each tensor."""
        return self.facts.groups

    @property
    def kept_by_group(self) -> Mapping[str, int]:
        """The number of units kept in each group: for single weights, in each tensor."""
        return {group.name: sum(map(popcount, self.packed(group))) for group in self.groups}

    @property
    def count(self) -> int:
        """The number of units that the mask covers, kept or not."""
        return sum(group.count for group in self.groups)

    @property
    def kept(self) -> int:
        """The number of units kept."""
        return sum(self.kept_by_group.values())

    @property
    def weights_kept(self) -> int:
        """The number of single weights kept."""
        kept = self.kept_by_group
        return sum(kept[group.name] * group.weights_each for group in self.groups)

    @property
    def density(self) -> float:
        """The share of units kept, over all groups; NaN if the mask covers no weights."""
        count = self.count
        return self.kept / count if count else float("nan")

    @property
    def density_by_tensor(self) -> dict[str, float]:
        """The share of units kept in each group: for single weights, in each tensor; NaN in one without units."""
        kept = self.kept_by_group
        return {group.name: kept[group.name] / group.count if group.count else float("nan") for group in self.groups}

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that the search found in the mask (`maskscope.Judgement`); empty if the mask was not judged."""
        judgement = self.made_by.get("judgement")
        found = judgement.get("faults") if isinstance(judgement, dict) else None
        return tuple(str(fault) for fault in found) if isinstance(found, list) else ()

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def __contains__(self, name: object) -> bool:
        return name in self.shapes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        if dict(self.shapes) != dict(other.shapes):
            return False
        mine, theirs = (self, other) if self.units == other.units else (self.by_weight(), other.by_weight())
        blocks = (pair for group in mine.groups for pair in zip(mine.packed(group), theirs.packed(group), strict=True))
        return all(np.array_equal(a, b) for a, b in blocks)

    __hash__ = None  # type: ignore[assignment]  # equality is by value and tensors are mutable
    _repr_html_ = mask_cell

    def __repr__(self) -> str:
        what = "weights" if not self.units else f"units ({', '.join(dict.fromkeys(group.kind for group in self.units))})"
        kept, count = self.kept, self.count
        share = kept / count if count else float("nan")
        return f"{type(self).__name__}({kept:,} of {count:,} {what} in {len(self)} tensors, density {share:.3%})"


def check_mask(network: nn.Module, mask: Mask, *, values: bool = True) -> None:
    """Checks that a mask fits a network.

    Args:
        network: the network that the mask will be used on.
        mask: the mask.
        values: whether to check dtypes and values too: they must be those of the weights that the mask was found on, if known.

    Raises:
        MaskMismatchError: the mask does not fit; the message lists every difference.
    """
    parameters = dict(network.named_parameters())
    tied = {alias: name for name, group in aliases(network).items() for alias in group if alias != name}
    faults = []
    for name, shape in mask.shapes.items():
        found, known = parameters.get(name), mask.weights.get(name)
        if found is None:
            hint = f" It is tied to {tied[name]}." if name in tied else suggestion(name, parameters)
            faults.append(f"{name}: the network has no such parameter.{hint}")
        elif found.shape != shape:
            faults.append(f"{name}: the mask has shape {list(shape)}, the network {list(found.shape)}")
        elif values and known is not None and known.dtype not in (None, dtype_name(found)):
            faults.append(f"{name}: the mask was found on {known.dtype}, the network has {dtype_name(found)}")
        elif values and known is not None and known.digest is not None and known.digest != tensor_digest(found):
            faults.append(f"{name}: same shape, but the weights have other values than those the mask was found on")
    if faults:
        raise MaskMismatchError("The mask does not fit this network:\n  " + "\n  ".join(faults))
