"""Set operations of masks that need not fit into memory: read in blocks, and written to another file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial, reduce
from operator import and_, or_
from pathlib import Path
from typing import Any

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks.bits.facts import MaskFacts, combined, inverted
from maskscope.masks.bits.file_format import write_mask
from maskscope.masks.bits.mask import Mask
from maskscope.masks.bits.mask_file import MaskFile
from maskscope.masks.bits.packing import without_padding
from maskscope.masks.units import UnitGroup
from maskscope.storage import user_path
from maskscope.storage.byte_vectors import Block

# of bool tensors and of packed bits alike
RULES: dict[str, Callable[[Any, Any], Any]] = {"and": and_, "or": or_, "minus": lambda mine, theirs: mine & ~theirs}
NOT = "not"


def combine_masks(
    word: str, masks: Sequence[Mask], path: str | Path, *, advance: Callable[[int], None] | None = None
) -> MaskFile:
    """Writes the mask that a set operation makes of some masks, with a block of each in memory at a time.

    It is the mask that ``&``, ``|``, ``-`` and ``~`` make of a `BinaryMask`, and the same file.

    Args:
        word: ``and`` (what all keep), ``or`` (what any keeps), ``minus`` (what the first keeps and no other) or ``not`` (what
            one mask does not keep).
        masks: `MaskFile` or `BinaryMask`, over the same weights. If their units differ, single weights are combined.
        path: the file to write, whole or not at all; ``~`` is the home folder.
        advance: is given the number of bytes of each block that was read.

    Raises:
        UnknownNameError: there is no such operation.
        ConfigError: too few masks, or too many for ``not``; or the path is not valid.
        MaskMismatchError: the masks cover other weights, or have other values where they are off.
        FileFormatError: a file was changed since it was opened.
        RunFolderError: the file cannot be written, or the disk is full.

    Examples:
        >>> import tempfile, torch, maskscope as ms
        >>> masks = [ms.BinaryMask({"weight": torch.tensor(bits)}) for bits in ([True, True, False], [True, False, False])]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ms.combine_masks("minus", masks, f"{folder}/only.safetensors")["weight"]
        tensor([False,  True, False])
    """
    if word not in (*RULES, NOT):
        raise UnknownNameError("set operation", word, (*RULES, NOT))
    if (len(masks) != 1) if word == NOT else (len(masks) < 2):
        raise ConfigError(f"`{word}` takes {'one mask' if word == NOT else 'at least two masks'}; found {len(masks)}.")
    file = user_path(path, argument="The path to save the mask to")
    facts = _facts(word, masks)
    operands = masks if all(mask.units == facts.units for mask in masks) else [mask.by_weight() for mask in masks]

    def blocks(group: UnitGroup) -> Iterator[Block]:
        start = 0
        for columns in zip(*(mask.packed(group) for mask in operands), strict=True):
            made = ~columns[0] if word == NOT else reduce(RULES[word], columns)
            if advance is not None:
                advance(len(columns) * len(made))
            yield without_padding(made, group.count, start)
            start += 8 * len(made)

    write_mask(file, facts, blocks)
    return MaskFile.open(file)


def _facts(word: str, masks: Sequence[Mask]) -> MaskFacts:
    facts = [mask.facts for mask in masks]
    if word == NOT:
        return replace(facts[0], made_by=inverted(facts[0].made_by))
    return reduce(partial(combined, word), facts)
