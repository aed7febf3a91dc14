"""Overlap of two masks: IoU, IoMin and Dice, each defined once, from counts of units (by default, of single weights).

Over several tensors, a measure is the ratio of sums, never the mean of ratios. Undefined values (two empty masks) are NaN;
reports show "undefined".
"""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from maskscope.errors import MaskscopeError
from maskscope.masks.bits.facts import require_same_weights
from maskscope.masks.bits.mask import Mask
from maskscope.masks.bits.packing import popcount
from maskscope.masks.units import UnitGroup


class SharedNoiseWarning(UserWarning):
    """Two masks were found with the same random stream; that alone makes them overlap."""


@dataclass(frozen=True)
class OverlapCounts:
    """Counts of units for a pair of masks A and B, in one group or summed over several: for single weights, in one tensor.

    Args:
        first: how many units A keeps.
        second: how many units B keeps.
        both: how many units both keep.
        weights: how many units there are, kept or not.
    """

    first: int
    second: int
    both: int
    weights: int

    @property
    def iou(self) -> float:
        """|A and B| / |A or B| (Jaccard index)."""
        return _ratio(self.both, self.first + self.second - self.both)

    @property
    def iomin(self) -> float:
        """|A and B| / min(|A|, |B|): 1 when one mask lies inside the other ("subsetness" in the authors' code)."""
        return _ratio(self.both, min(self.first, self.second))

    @property
    def dice(self) -> float:
        """2 |A and B| / (|A| + |B|): the measure that normalised sharing uses (docs/statistics.md)."""
        return _ratio(2 * self.both, self.first + self.second)

    @staticmethod
    def total(parts: "Iterable[OverlapCounts]") -> "OverlapCounts":
        """The sum of the counts over groups."""
        parts = list(parts)
        return OverlapCounts(
            sum(part.first for part in parts),
            sum(part.second for part in parts),
            sum(part.both for part in parts),
            sum(part.weights for part in parts),
        )


def overlap_by_tensor(first: Mask, second: Mask) -> dict[str, OverlapCounts]:
    """The overlap counts of two masks, for each group of units: for single weights, for each tensor.

    If the masks have different units, single weights are counted.

    Raises:
        MaskMismatchError: the masks cover different weights.
    """
    ((_, counts),) = overlaps([first, second]).items()
    return counts


def overlaps(
    masks: Sequence[Mask], *, advance: Callable[[int], None] | None = None
) -> dict[tuple[int, int], dict[str, OverlapCounts]]:
    """The overlap counts of every pair of masks, for each group of units, from one reading of each mask in blocks.

    Args:
        masks: at least two, in memory or in files. If they have different units, single weights are counted.
        advance: is given the number of bytes of each block that was read.

    Returns:
        The counts by group, by the places of the two masks.

    Raises:
        MaskMismatchError: the masks cover different weights.
        FileFormatError: a file was changed since it was opened.
    """
    for mask in masks[1:]:
        require_same_weights(masks[0].shapes, mask.shapes)
    same = all(mask.units == masks[0].units for mask in masks)
    counted = masks if same else [mask.by_weight() for mask in masks]
    found: dict[tuple[int, int], dict[str, OverlapCounts]] = {pair: {} for pair in combinations(range(len(masks)), 2)}
    for group in counted[0].groups:
        for pair, of_group in _overlaps_of_group(counted, group, advance).items():
            found[pair][group.name] = of_group
    for (a, b), counts in found.items():
        _warn_of_shared_noise(masks[a], masks[b], counts.values())
    return found


def group_overlap(first: Mask, second: Mask, group: UnitGroup, advance: Callable[[int], None] | None = None) -> OverlapCounts:
    """The overlap counts of two masks in one group of units, which both have.

    Raises:
        FileFormatError: a file was changed since it was opened.
    """
    return _overlaps_of_group([first, second], group, advance)[0, 1]


def _overlaps_of_group(
    masks: Sequence[Mask], group: UnitGroup, advance: Callable[[int], None] | None
) -> dict[tuple[int, int], OverlapCounts]:
    kept, both = [0] * len(masks), dict.fromkeys(combinations(range(len(masks)), 2), 0)
    for blocks in zip(*(mask.packed(group) for mask in masks), strict=True):
        for place, block in enumerate(blocks):
            kept[place] += popcount(block)
        for a, b in both:
            both[a, b] += popcount(blocks[a] & blocks[b])
        if advance is not None:
            advance(sum(map(len, blocks)))
    return {(a, b): OverlapCounts(kept[a], kept[b], count, group.count) for (a, b), count in both.items()}


def _warn_of_shared_noise(first: Mask, second: Mask, counts: Iterable[OverlapCounts]) -> None:
    noise = first.made_by.get("noise")
    differ = any(one.first != one.both or one.second != one.both for one in counts)
    if differ and noise is not None and noise == second.made_by.get("noise"):
        warnings.warn(
            f"Both masks were found with the same mask noise {noise}, which makes them overlap by itself: give `discover` "
            "another name= (or repeat=, or seed=) for each mask.",
            SharedNoiseWarning,
            stacklevel=5,
        )


def iou(first: Mask, second: Mask) -> float:
    """Intersection over union over all units; NaN if both masks are empty.

    Examples:
        >>> import torch, maskscope as ms
        >>> a, b = (ms.BinaryMask({"weight": torch.tensor(bits)}) for bits in ([True, True, False], [True, False, True]))
        >>> round(ms.iou(a, b), 2), ms.dice(a, b), ms.iomin(a, a | b)
        (0.33, 0.5, 1.0)
    """
    return OverlapCounts.total(overlap_by_tensor(first, second).values()).iou


def iomin(first: Mask, second: Mask) -> float:
    """Intersection over the smaller mask; NaN if one is empty."""
    return OverlapCounts.total(overlap_by_tensor(first, second).values()).iomin


def dice(first: Mask, second: Mask) -> float:
    """Twice the intersection over the sum of both sizes; NaN if both masks are empty."""
    return OverlapCounts.total(overlap_by_tensor(first, second).values()).dice


def iou_from_dice(value: float) -> float:
    """Converts a Dice coefficient D to IoU: J = D / (2 - D)."""
    if not (math.isnan(value) or 0 <= value <= 1):
        raise MaskscopeError(f"A Dice coefficient lies in [0, 1]; found {value}.")
    return value / (2 - value)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
