"""Masks that stay in their files: larger ones than memory holds can be counted, compared and combined."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Bool
from torch import Tensor, nn

from maskscope.errors import ConfigError
from maskscope.masks.bits.facts import MaskedWeight, MaskFacts
from maskscope.masks.bits.file_format import read_mask, write_mask
from maskscope.masks.bits.mask import Mask, check_mask
from maskscope.masks.bits.packing import by_weight, packed, unpacked
from maskscope.masks.off import ZERO, Off
from maskscope.masks.units import UnitGroup, faults_of_groups, single_weights
from maskscope.storage import ByteVectors, Json, user_path
from maskscope.storage.byte_vectors import Block


@final
@dataclass(frozen=True, eq=False, repr=False)
class MaskFile(Mask):
    """A mask in its file, made by `MaskFile.open`. Its bits are read when they are asked for: a block at a time, or a tensor.

    Sizes and densities were counted when it was opened. `maskscope.iou`, `iomin` and `dice` take it as they take a `BinaryMask`;
    `maskscope.combine_masks` writes the and, or, minus or not of such masks to another file.

    Args:
        vectors: the file.
        shapes: the shapes of the tensors, by dotted name.
        weights: the dtype and digest of the weights that the mask was found on, by name.
        made_by: how the mask was made: estimator, seed, selection.
        units: the units of which all weights are kept or none, if these are not single weights in every tensor; else empty.
        off: what stands in place of the weights that are not kept.
        stored: the groups whose bits the file holds, by name.
        kept_stored: how many units it keeps of each.

    Examples:
        >>> import tempfile, torch, maskscope as ms
        >>> folder = tempfile.TemporaryDirectory()
        >>> ms.BinaryMask({"weight": torch.tensor([[True, False], [True, True]])}).save(f"{folder.name}/add.safetensors")
        >>> ms.MaskFile.open(f"{folder.name}/add.safetensors")
        MaskFile(3 of 4 weights in 1 tensors, density 75.000%)
        >>> folder.cleanup()
    """

    vectors: ByteVectors
    shapes: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, MaskedWeight]
    made_by: Json
    units: tuple[UnitGroup, ...]
    off: Off
    stored: Mapping[str, UnitGroup]
    kept_stored: Mapping[str, int]

    @classmethod
    def open(
        cls, path: str | Path, network: nn.Module | None = None, *, advance: Callable[[int], None] | None = None
    ) -> "MaskFile":
        """Opens a mask file: reads it once from its beginning to its end, and keeps no bits.

        Args:
            path: the file; ``~`` is the home folder.
            network: if given, the mask must have been found on it: names, shapes, dtypes and values of its weights are compared.
            advance: is given the number of bytes of each block that was read.

        Raises:
            FileFormatError: missing, truncated, altered, not a mask file, or written by a later version.
            ConfigError: the path is not valid.
            MaskMismatchError: the mask was made for another network; the message lists every difference.
        """
        facts, vectors, kept = read_mask(user_path(path, argument="The path of the mask"), advance)
        stored = {group.name: group for group in facts.groups}
        mask = cls(vectors, facts.shapes, facts.weights, facts.made_by, facts.units, facts.off, stored, kept)
        if network is not None:
            check_mask(network, mask)
        return mask

    @classmethod
    def write(
        cls,
        path: str | Path,
        shapes: Mapping[str, Sequence[int]],
        bits: Callable[[str], Iterable[Tensor]],
        *,
        weights: Mapping[str, MaskedWeight] | None = None,
        made_by: Json | None = None,
        units: Sequence[UnitGroup] = (),
        off: Off = ZERO,
    ) -> "MaskFile":
        """Writes a mask file of bits that are never in memory together, whole or not at all.

        Args:
            path: the file; ``~`` is the home folder. Missing folders are created.
            shapes: the shapes of the tensors, by dotted name.
            bits: gives the bits of a tensor (of a group of units) as bool tensors of any lengths, which one after the other are
                its elements in row-major order. It is called once for each name, in the order of the names.
            weights: see `BinaryMask`.
            made_by: see `BinaryMask`.
            units: see `BinaryMask`.
            off: see `BinaryMask`.

        Raises:
            ConfigError: too many or too few bits, or the path or ``made_by`` cannot be written.
            RunFolderError: the folder cannot be written, the path is a folder, or the disk is full.
        """
        file = user_path(path, argument="The path to save the mask to")
        known = {name: tuple(shape) for name, shape in shapes.items()}
        facts = MaskFacts(known, weights or {}, made_by or {}, tuple(units), off.only(known))
        if faults := faults_of_groups(facts.groups, facts.counts):
            raise ConfigError("The units do not fit the tensors:\n  " + "\n  ".join(faults))
        write_mask(file, facts, lambda group: packed(bits(group.name)))
        return cls.open(file)

    @property
    def path(self) -> Path:
        """The file."""
        return self.vectors.path

    @property
    def kept_by_group(self) -> Mapping[str, int]:
        """The number of units kept in each group: for single weights, in each tensor."""
        if self._is_as_stored:
            return self.kept_stored
        return {
            name: self.kept_stored[group.name] * layout.each for group in self.stored.values() for name, layout in group.members
        }

    def by_weight(self) -> "MaskFile":
        """The same mask over single weights."""
        return replace(self, units=())

    def packed(self, group: UnitGroup) -> Iterator[Block]:
        """The bits of a group of units, eight a byte, in blocks.

        Raises:
            FileFormatError: the file is not there any more, or was changed since it was opened.
        """
        if self.stored.get(group.name) == group:
            yield from self.vectors.blocks(group.name)
            return
        owner, layout = next(
            (owner, layout) for owner in self.stored.values() for name, layout in owner.members if name == group.name
        )
        units = [*self.vectors.blocks(owner.name)]
        yield from by_weight(np.concatenate(units) if units else np.empty(0, np.uint8), layout)

    def __getitem__(self, name: str) -> Bool[Tensor, "*shape"]:
        shape = self.shapes[name]
        (group,) = single_weights({name: self.facts.counts[name]})
        return unpacked(self.packed(group), group.count).reshape(shape)

    @property
    def _is_as_stored(self) -> bool:
        return bool(self.units) or all(group.is_single for group in self.stored.values())
