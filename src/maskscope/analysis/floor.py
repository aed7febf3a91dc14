"""The overlap that the sizes of two masks give by themselves: the density floor."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from maskscope.masks import OverlapCounts

_DRAWS = 2000


@dataclass(frozen=True)
class Floor:
    """Mean overlap of independent masks with the same number of weights in each tensor."""

    dice: float
    iomin: float
    iou: float


def dice_floor(counts: Iterable[OverlapCounts]) -> float:
    """The mean Dice when only the sizes are given: 2 sum_k (a_k b_k / N_k) / sum_k (a_k + b_k), exactly.

    Args:
        counts: for each tensor; ``both`` is not looked at.

    Returns:
        The floor c; NaN if both masks are empty.

    Source: docs/statistics.md, "Density floor".
    """
    counts = [part for part in counts if part.weights]
    sizes = sum(part.first + part.second for part in counts)
    return 2 * sum(part.first * part.second / part.weights for part in counts) / sizes if sizes else math.nan


def density_floor(counts: Iterable[OverlapCounts], seed: int) -> Floor:
    """The mean of each measure when only the sizes are given, in each tensor.

    With a_k and b_k of N_k weights kept and nothing else known, x_k is hypergeometric with mean a_k b_k / N_k. Dice and
    IoMin are linear in the sum of x_k, so their means are exact; the mean of IoU is taken over 2,000 simulated draws.

    Args:
        counts: for each tensor; ``both`` is not looked at.
        seed: of the simulation.
    """
    counts = [part for part in counts if part.weights]
    first, second = sum(part.first for part in counts), sum(part.second for part in counts)
    mean = sum(part.first * part.second / part.weights for part in counts)
    random = np.random.Generator(np.random.Philox(seed))
    both = np.zeros(_DRAWS)
    for part in counts:
        both += random.hypergeometric(part.first, part.weights - part.first, part.second, _DRAWS)
    union = first + second - both
    return Floor(
        dice=dice_floor(counts),
        iomin=mean / min(first, second) if min(first, second) else math.nan,
        iou=float(np.mean(both / union)) if (union > 0).all() else math.nan,
    )
