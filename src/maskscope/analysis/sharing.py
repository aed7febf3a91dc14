"""How much two functions share, on a scale from 0 (random masks of their sizes) to 1 (two masks of the same function)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from maskscope.analysis.floor import dice_floor
from maskscope.analysis.one_network import require_one_network
from maskscope.analysis.stats import summarise
from maskscope.masks import BinaryMask, OverlapCounts, overlap_by_tensor


@dataclass(frozen=True)
class MeanDice:
    """Mean overlap over pairs of masks of one network.

    Args:
        dice: mean Dice over the pairs; NaN without a pair, or if both masks of any pair are empty.
        floor: c, the mean density floor of the same pairs: the overlap that their sizes give by chance.
        pairs: the number of pairs.
    """

    dice: float
    floor: float
    pairs: int

    @property
    def excess(self) -> float:
        """The overlap above chance: dice - floor."""
        return self.dice - self.floor


@dataclass(frozen=True)
class Sharing:
    """Normalised sharing of two functions A and B on one network.

    Args:
        masks: the number of masks of each function (the smaller of the two), m = repeats + 1.
        between: d_AB, mean Dice over all cross pairs.
        within_first: w_A, mean Dice over pairs of masks of A: the ceiling; NaN with one mask.
        within_second: w_B.
        floor_between: c_AB, mean density floor of the cross pairs.
        floor_first: c_AA.
        floor_second: c_BB.
        normalised: S_AB; NaN if it is undefined.
    """

    masks: int
    between: float
    within_first: float
    within_second: float
    floor_between: float
    floor_first: float
    floor_second: float
    normalised: float


def ceiling(masks: Sequence[BinaryMask], *, among: BinaryMask | None = None) -> MeanDice:
    """w_f = mean of Dice(M_i, M_j) over i < j: how similar masks of the same function are, the upper limit for other functions.

    NaN with one mask, as there is no pair, and if both masks of a pair are empty. An empty mask and one that is not empty have
    Dice 0.

    Args:
        masks: of one function on one network, from independent repeats.
        among: only these weights are counted; by default, all maskable weights.

    Raises:
        MaskMismatchError: masks over different weights, or found on different networks.

    Source: docs/statistics.md, "Ceiling".
    """
    require_one_network({f"mask {place}": mask for place, mask in enumerate(masks)}, "ceiling")
    return _mean(combinations(masks, 2), among)


def between(first: Sequence[BinaryMask], second: Sequence[BinaryMask], *, among: BinaryMask | None = None) -> MeanDice:
    """d_AB = mean of Dice(A_i, B_j) over all cross pairs: how similar masks of two functions are.

    NaN if one side has no mask, or if both masks of any pair are empty.

    Args:
        first: masks of A on one network.
        second: masks of B on the same network.
        among: see `ceiling`.

    Raises:
        MaskMismatchError: masks over different weights, or found on different networks.

    Source: docs/statistics.md, "Normalised sharing".
    """
    named = {f"mask {place} of the first function": mask for place, mask in enumerate(first)}
    named |= {f"mask {place} of the second function": mask for place, mask in enumerate(second)}
    require_one_network(named, "mean overlap")
    return _mean(product(first, second), among)


def normalised_sharing(first: Sequence[BinaryMask], second: Sequence[BinaryMask], *, among: BinaryMask | None = None) -> Sharing:
    """S_AB = (d_AB - c_AB) / sqrt((w_A - c_AA) (w_B - c_BB)), not clipped.

    0 means that the masks overlap as random masks of their sizes do; 1, that they are as similar as two masks of one function.
    Undefined (NaN) if a function has only one mask, if a ceiling is not above its floor, or if both masks of a pair are empty.
    For several networks, see `ceiling_exceeds_floor`.

    Args:
        first: masks of A on one network, from independent repeats.
        second: masks of B on the same network.
        among: only these weights are counted; by default, all maskable weights.

    Raises:
        MaskMismatchError: masks over different weights, or found on different networks.

    Source: ours; docs/statistics.md, "Normalised sharing".

    Examples:
        >>> import torch, maskscope as ms
        >>> def mask(*kept):
        ...     return ms.BinaryMask({"weight": torch.isin(torch.arange(100), torch.tensor(kept))})
        >>> add, mul = [mask(1, 2, 3, 4), mask(1, 2, 3, 5)], [mask(1, 7, 8, 9), mask(1, 7, 8, 10)]
        >>> shared = ms.normalised_sharing(add, mul)
        >>> shared.between, shared.within_first, round(shared.normalised, 2)
        (0.25, 0.75, 0.3)
    """
    cross, w_a, w_b = between(first, second, among=among), ceiling(first, among=among), ceiling(second, among=among)
    defined = w_a.excess > 0 and w_b.excess > 0
    value = cross.excess / math.sqrt(w_a.excess * w_b.excess) if defined else math.nan
    masks = min(len(first), len(second))
    return Sharing(masks, cross.dice, w_a.dice, w_b.dice, cross.floor, w_a.floor, w_b.floor, value)


def ceiling_exceeds_floor(excess_per_network: Sequence[float]) -> bool:
    """Whether normalised sharing is defined for these networks: the 95 % t-interval of (w - c) must lie above 0.

    If it does not, the denominator of sharing may be 0, and sharing is undefined on all networks, not only on those where
    w - c happens to be too small.

    Args:
        excess_per_network: w - c of one function, one number for each network; NaN values are left out.

    Returns:
        True or False. With one network there is no interval, and the number itself must be above 0; without any, False.

    Source: docs/statistics.md, "Normalised sharing".
    """
    excess = summarise(excess_per_network)
    return excess.mean > 0 if excess.n == 1 else excess.low > 0


def counts_among(first: BinaryMask, second: BinaryMask, among: BinaryMask | None = None) -> dict[str, OverlapCounts]:
    """Overlap counts by group of units, over all of them or only over those of a third mask."""
    if among is None:
        return overlap_by_tensor(first, second)
    inside = overlap_by_tensor(first & among, second & among)
    same = first.units == second.units == among.units
    sizes = (among if same else among.by_weight()).by_unit()
    return {name: OverlapCounts(part.first, part.second, part.both, int(sizes[name].sum())) for name, part in inside.items()}


def _mean(pairs: Iterable[tuple[BinaryMask, BinaryMask]], among: BinaryMask | None) -> MeanDice:
    values, floors = [], []
    for a, b in pairs:
        counts = counts_among(a, b, among)
        values.append(OverlapCounts.total(counts.values()).dice)
        floors.append(dice_floor(counts.values()))
    n = len(values)
    return MeanDice(sum(values) / n, sum(floors) / n, n) if n else MeanDice(math.nan, math.nan, 0)
