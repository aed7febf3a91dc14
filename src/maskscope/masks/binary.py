"""The result of a search: one bit for each unit, with set operations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from maskscope.errors import MaskMismatchError
from maskscope.masks.bits.combine import RULES
from maskscope.masks.bits.facts import MaskedWeight, combined, inverted
from maskscope.masks.bits.file_format import write_mask
from maskscope.masks.bits.mask import Mask
from maskscope.masks.bits.mask_file import MaskFile
from maskscope.masks.bits.packing import packed, unpacked
from maskscope.masks.logits import MaskLogits
from maskscope.masks.off import ZERO, Off
from maskscope.masks.selection import dtype_name
from maskscope.masks.units import UnitGroup, collapsed, expanded, faults_of_groups, faults_of_values, torn, unit_shapes
from maskscope.storage import Json, tensor_digest, user_path
from maskscope.storage.byte_vectors import Block


class WeakMaskWarning(UserWarning):
    """A mask that may not be the mask of its function: the search for it failed or was not finished."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class BinaryMask(Mask):
    """A mapping from dotted parameter name to a bool tensor in the weight's shape: True keeps the weight.

    A mask is a set of units, with the operations ``a & b``, ``a | b``, ``a - b`` and ``~a``; ``~a`` has all maskable units that
    are not in ``a``. Applying a mask does not change parameters that it does not name. Units are single weights unless ``units``
    says otherwise; sizes, overlaps and floors are counted in them. Two masks over different units are combined weight by weight.

    Args:
        tensors: the bits by name.
        weights: the dtype and digest of the weights that the mask was found on, by name.
        made_by: how the mask was made: estimator, seed, selection.
        units: the units of which all weights are kept or none, if these are not single weights in every tensor; else empty.
        off: what stands in place of the weights that are not kept; by default, zero.
    """

    tensors: Mapping[str, Tensor]
    weights: Mapping[str, MaskedWeight] = field(default_factory=dict)
    made_by: Json = field(default_factory=dict)
    units: tuple[UnitGroup, ...] = ()
    off: Off = ZERO
    shapes: Mapping[str, tuple[int, ...]] = field(init=False)

    def __post_init__(self) -> None:
        faults = [
            f"{name}: expected a bool tensor, found {getattr(bits, 'dtype', type(bits).__name__)}"
            for name, bits in self.tensors.items()
            if getattr(bits, "dtype", None) != torch.bool
        ]
        if faults:
            raise MaskMismatchError("A mask is made of bool tensors (for logits: logits > 0):\n  " + "\n  ".join(faults))
        object.__setattr__(self, "shapes", {name: tuple(bits.shape) for name, bits in self.tensors.items()})
        if self.units:
            faults = faults_of_groups(self.units, {name: bits.numel() for name, bits in self.items()}) or torn(self.units, self)
        if faults:
            raise MaskMismatchError("The units do not fit the mask:\n  " + "\n  ".join(faults))

    @classmethod
    def from_logits(
        cls, logits: MaskLogits, weights: Mapping[str, Tensor] | None = None, made_by: Json | None = None, off: Off = ZERO
    ) -> "BinaryMask":
        """Thresholds logits: a unit is kept if its logit is above 0, that is, if its keep probability is above 1/2.

        Source: Csordás et al. 2021, section 2. Their code has >= 0 in one place and > 0 in another; here, never >= 0.
        """
        known = {name: MaskedWeight(dtype_name(weight), tensor_digest(weight)) for name, weight in (weights or {}).items()}
        bits = {name: tensor.cpu() > 0 for name, tensor in logits.by_unit().items()}
        return cls.from_units(logits.selection.groups, bits, logits.selection.shapes, known, made_by, off)

    @classmethod
    def from_units(
        cls,
        groups: Sequence[UnitGroup],
        bits: Mapping[str, Tensor],
        shapes: Mapping[str, Sequence[int]],
        weights: Mapping[str, MaskedWeight] | None = None,
        made_by: Json | None = None,
        off: Off = ZERO,
    ) -> "BinaryMask":
        """A mask from one bool tensor for each group of units.

        Args:
            groups: the units: `Selection.groups`.
            bits: the bits of each group, in the order of its units.
            shapes: the shapes of the weights, by dotted name: `Selection.shapes`.
            weights: see `BinaryMask`.
            made_by: see `BinaryMask`.
            off: see `BinaryMask`.

        Raises:
            MaskMismatchError: the bits or the shapes are those of other units.
        """
        faults = faults_of_groups(groups, {name: torch.Size(shape).numel() for name, shape in shapes.items()})
        if faults := faults + faults_of_values(groups, bits):
            raise MaskMismatchError("The bits do not fit the units:\n  " + "\n  ".join(faults))
        units = () if all(group.is_single for group in groups) else tuple(groups)
        return cls(expanded(groups, bits, shapes), weights or {}, made_by or {}, units, off.only(shapes))

    def by_unit(self) -> dict[str, Tensor]:
        """The bits by group of units: of single weights in the shape of their tensor, of other units a vector."""
        return collapsed(self.groups, self.tensors)

    def packed(self, group: UnitGroup) -> Iterator[Block]:
        """The bits of a group of units, eight a byte, in blocks."""
        return packed([collapsed((group,), self.tensors)[group.name]])

    def by_weight(self) -> "BinaryMask":
        """The same mask over single weights."""
        return replace(self, units=())

    def __getitem__(self, name: str) -> Bool[Tensor, "*shape"]:
        return self.tensors[name]

    def __invert__(self) -> "BinaryMask":
        return replace(self, tensors={name: ~bits for name, bits in self.items()}, made_by=inverted(self.made_by))

    def __and__(self, other: "BinaryMask") -> "BinaryMask":
        return self._combine(other, "and")

    def __or__(self, other: "BinaryMask") -> "BinaryMask":
        return self._combine(other, "or")

    def __sub__(self, other: "BinaryMask") -> "BinaryMask":
        return self._combine(other, "minus")

    def only(self, *names: str) -> "BinaryMask":
        """The part of the mask on some tensors; the other tensors are then not masked. Units lose their weights in those."""
        if missing := [name for name in names if name not in self]:
            raise MaskMismatchError(f"The mask has no tensor {', '.join(missing)}; it has {', '.join(self)}.")
        parts = tuple(part for group in self.units if (part := group.only(names)).members)
        units = () if all(part.is_single for part in parts) else parts
        return replace(self, tensors={name: self[name] for name in names}, units=units, off=self.off.only(names))

    def to(self, device: torch.device | str) -> "BinaryMask":
        """The mask on another device."""
        return replace(self, tensors={name: bits.to(device) for name, bits in self.items()})

    def with_off(self, off: Off) -> "BinaryMask":
        """The same mask with another value in place of the weights that are not kept.

        Raises:
            MaskMismatchError: the mask was found with another state dict than this one.
        """
        off = off.only(self)
        self.off.require_same_state(off)
        return replace(self, off=off)

    def save(self, path: str | Path) -> None:
        """Writes the mask to a file with one bit for each unit, whole or not at all (docs/mask-files.md).

        Args:
            path: the file; ``~`` is the home folder. Missing folders are created.

        Raises:
            RunFolderError: the folder cannot be written, the path is a folder, or the disk is full.
            ConfigError: the path is not valid, or ``made_by`` cannot be written as JSON.
        """
        file = user_path(path, argument="The path to save the mask to")
        write_mask(file, self.facts, self.packed)

    @classmethod
    def load(cls, path: str | Path, network: nn.Module | None = None) -> "BinaryMask":
        """Reads a mask.

        Args:
            path: the file; ``~`` is the home folder.
            network: if given, the mask must have been found on it: names, shapes, dtypes and values of its weights are compared.

        Raises:
            FileFormatError: missing, truncated, altered, not a mask file, or written by a later version.
            ConfigError: the path is not valid.
            MaskMismatchError: the mask was made for another network; the message lists every difference.
        """
        file = MaskFile.open(path, network)
        shapes = unit_shapes(file.groups, file.shapes)
        bits = {group.name: unpacked(file.packed(group), group.count).reshape(shapes[group.name]) for group in file.groups}
        return cls.from_units(file.groups, bits, file.shapes, file.weights, file.made_by, file.off)

    def _combine(self, other: "BinaryMask", word: str) -> "BinaryMask":
        facts = combined(word, self.facts, other.facts)
        tensors = {name: RULES[word](self[name], other[name]) for name in self}
        return BinaryMask(tensors, facts.weights, facts.made_by, facts.units, facts.off)
