"""Overlap of two masks: IoU, IoMin and Dice, each defined once, from counts of units (by default, of single weights).

Over several tensors, a measure is the ratio of sums, never the mean of ratios. Undefined values (two empty masks) are NaN;
reports show "undefined".
"""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from maskscope.errors import MaskscopeError
from maskscope.masks.binary import BinaryMask, require_same_weights


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


def overlap_by_tensor(first: BinaryMask, second: BinaryMask) -> dict[str, OverlapCounts]:
    """The overlap counts of two masks, for each group of units: for single weights, for each tensor.

    If the masks have different units, single weights are counted.

    Raises:
        MaskMismatchError: the masks cover different weights.
    """
    require_same_weights(first, second)
    noise = first.made_by.get("noise")
    if first is not second and noise is not None and noise == second.made_by.get("noise") and first != second:
        warnings.warn(
            f"Both masks were found with the same mask noise {noise}, which makes them overlap by itself: give `discover` "
            "another name= (or repeat=, or seed=) for each mask.",
            SharedNoiseWarning,
            stacklevel=3,
        )
    same = first.units == second.units
    mine, theirs = ((one if same else one.by_weight()).by_unit() for one in (first, second))
    return {
        name: OverlapCounts(int(a.sum()), int(b.sum()), int((a & b).sum()), a.numel())
        for name, a, b in ((name, mine[name], theirs[name]) for name in mine)
    }


def iou(first: BinaryMask, second: BinaryMask) -> float:
    """Intersection over union over all units; NaN if both masks are empty.

    Examples:
        >>> import torch, maskscope as ms
        >>> a, b = (ms.BinaryMask({"weight": torch.tensor(bits)}) for bits in ([True, True, False], [True, False, True]))
        >>> round(ms.iou(a, b), 2), ms.dice(a, b), ms.iomin(a, a | b)
        (0.33, 0.5, 1.0)
    """
    return OverlapCounts.total(overlap_by_tensor(first, second).values()).iou


def iomin(first: BinaryMask, second: BinaryMask) -> float:
    """Intersection over the smaller mask; NaN if one is empty."""
    return OverlapCounts.total(overlap_by_tensor(first, second).values()).iomin


def dice(first: BinaryMask, second: BinaryMask) -> float:
    """Twice the intersection over the sum of both sizes; NaN if both masks are empty."""
    return OverlapCounts.total(overlap_by_tensor(first, second).values()).dice


def iou_from_dice(value: float) -> float:
    """Converts a Dice coefficient D to IoU: J = D / (2 - D)."""
    if not (math.isnan(value) or 0 <= value <= 1):
        raise MaskscopeError(f"A Dice coefficient lies in [0, 1]; found {value}.")
    return value / (2 - value)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
