"""In what two masks differ: bits by tensor, settings, units, off-values, and the weights that they were found on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maskscope.analysis.mask_history import settings_of
from maskscope.masks import Mask, group_overlap
from maskscope.masks.units import unit_shapes
from maskscope.storage import digest


@dataclass(frozen=True)
class TensorDifference:
    """The bits of two masks in one group of units: for single weights, in one tensor.

    Args:
        name: of the group.
        shapes: of the bits in each mask; None where a mask does not cover it.
        only_first: how many units only the first mask keeps; None where the bits cannot be compared.
        only_second: how many units only the second mask keeps.
    """

    name: str
    shapes: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    only_first: int | None
    only_second: int | None


@dataclass(frozen=True)
class MaskDifference:
    """In what two masks differ; empty tuples where they do not.

    Args:
        tensors: the groups in which bits differ, or that are not in both.
        settings: dotted name of a setting, and its value in each mask; None where a mask does not have it.
        other_weights: the tensors of whose values the masks have different digests.
        units: the kinds of units of each mask, if they differ; bits are then compared by weight.
        off: what stands in place of weights that are off in each mask, if it differs.
    """

    tensors: tuple[TensorDifference, ...]
    settings: tuple[tuple[str, Any, Any], ...]
    other_weights: tuple[str, ...]
    units: tuple[str, str] | None
    off: tuple[str, str] | None

    @property
    def is_empty(self) -> bool:
        """Whether the masks are the same in all of this."""
        return not (self.tensors or self.settings or self.other_weights or self.units or self.off)


def mask_difference(first: Mask, second: Mask, *, advance: Callable[[int], None] | None = None) -> MaskDifference:
    """Compares two masks, also of different networks; each in memory or in a file, which is read in blocks.

    Args:
        first: one mask.
        second: another.
        advance: is given the number of bytes of each block that was read.

    Raises:
        FileFormatError: a file was changed since it was opened.
    """
    same_units = first.units == second.units
    mine, theirs = (one if same_units else one.by_weight() for one in (first, second))
    own, other = ({group.name: group for group in one.groups} for one in (mine, theirs))
    own_shapes, other_shapes = (unit_shapes(one.groups, one.shapes) for one in (mine, theirs))
    tensors = []
    for name in own | other:
        shapes = (own_shapes.get(name), other_shapes.get(name))
        if shapes[0] is None or shapes[0] != shapes[1]:
            tensors.append(TensorDifference(name, shapes, None, None))
            continue
        counts = group_overlap(mine, theirs, own[name], advance)
        if counts.first != counts.both or counts.second != counts.both:
            tensors.append(TensorDifference(name, shapes, counts.first - counts.both, counts.second - counts.both))
    made, other_made = settings_of(first), settings_of(second)
    pairs = ((key, made.get(key), other_made.get(key)) for key in made | other_made)
    settings = tuple((key, value, other) for key, value, other in pairs if value != other)
    digests = [{name: one.digest for name, one in mask.weights.items() if one.digest} for mask in (first, second)]
    other_weights = tuple(name for name, known in digests[0].items() if digests[1].get(name, known) != known)
    units = None if same_units else (kinds_of_units(first), kinds_of_units(second))
    off = None if first.off == second.off else (off_in_words(first), off_in_words(second))
    return MaskDifference(tuple(tensors), settings, other_weights, units, off)


def kinds_of_units(mask: Mask) -> str:
    """What one bit of a mask stands for: ``weight``, or the kinds of its units."""
    return ", ".join(dict.fromkeys(group.kind for group in mask.groups)) or "weight"


def off_in_words(mask: Mask) -> str:
    """What stands in place of the weights that a mask does not keep."""
    off = mask.off
    if off.kind == "drawn":
        return f"drawn, seed {off.seed}"
    return f"other, {digest(dict(off.digests))[:12]}..." if off.kind == "other" else off.kind
