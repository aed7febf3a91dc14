"""How much two functions share, on a scale from what density gives (0) to what two masks of one function share (1)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from maskscope.analysis.floor import density_floor
from maskscope.masks import BinaryMask, OverlapCounts, overlap_by_tensor


@dataclass(frozen=True)
class Sharing:
    """Normalised sharing of two functions A and B on one network.

    Args:
        masks: masks of each function, m = repeats + 1.
        between: d_AB, mean Dice over all cross pairs.
        within_first: w_A, mean Dice over pairs of masks of A: the ceiling; NaN with one mask.
        within_second: w_B.
        floor_between: c_AB, mean density floor of the cross pairs.
        floor_first: c_AA.
        floor_second: c_BB.
        normalised: S_AB; NaN where it is undefined.
    """

    masks: int
    between: float
    within_first: float
    within_second: float
    floor_between: float
    floor_first: float
    floor_second: float
    normalised: float


def normalised_sharing(
    first: Sequence[BinaryMask], second: Sequence[BinaryMask], *, among: BinaryMask | None = None, seed: int = 0
) -> Sharing:
    """S_AB = (d_AB - c_AB) / sqrt((w_A - c_AA) (w_B - c_BB)), not clipped.

    0: as unrelated as density allows; 1: as similar as two masks for one function. Undefined (NaN) with one mask a
    function, or where a ceiling does not rise above its floor.

    Args:
        first: masks of A on one network, from independent repeats.
        second: masks of B on the same network.
        among: the weights that the floor counts as possible; all maskable weights, unless told.
        seed: of the floor's simulation.

    Source: ours; docs/statistics.md, section 3.
    """
    w_a, c_aa = _mean(combinations(first, 2), among, seed)
    w_b, c_bb = _mean(combinations(second, 2), among, seed)
    d, c = _mean(product(first, second), among, seed)
    square = (w_a - c_aa) * (w_b - c_bb)
    defined = w_a > c_aa and w_b > c_bb
    value = (d - c) / math.sqrt(square) if defined else math.nan
    return Sharing(min(len(first), len(second)), d, w_a, w_b, c, c_aa, c_bb, value)


def counts_among(first: BinaryMask, second: BinaryMask, among: BinaryMask | None = None) -> dict[str, OverlapCounts]:
    """Overlap counts by tensor, over all weights or over those of a third mask alone."""
    if among is None:
        return overlap_by_tensor(first, second)
    inside = overlap_by_tensor(first & among, second & among)
    return {name: OverlapCounts(part.first, part.second, part.both, int(among[name].sum())) for name, part in inside.items()}


def _mean(pairs: Iterable[tuple[BinaryMask, BinaryMask]], among: BinaryMask | None, seed: int) -> tuple[float, float]:
    values, floors = [], []
    for a, b in pairs:
        counts = counts_among(a, b, among)
        values.append(OverlapCounts.total(counts.values()).dice)
        floors.append(density_floor(counts.values(), seed).dice)
    return (sum(values) / len(values), sum(floors) / len(floors)) if values else (math.nan, math.nan)
