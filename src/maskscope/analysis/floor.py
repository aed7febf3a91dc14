"""The density floor: the overlap that two masks of given sizes have by chance."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskscope.masks import OverlapCounts

_DRAWS = 2000
_MOST_DRAWN = 10**9  # numpy draws from fewer


@dataclass(frozen=True)
class Floor:
    """Mean overlap of two independent random masks with given numbers of weights in each tensor."""

    dice: float
    iomin: float
    iou: float


def dice_floor(counts: Iterable[OverlapCounts]) -> float:
    """The mean Dice of two random masks of given sizes, exactly: 2 sum_k (a_k b_k / N_k) / sum_k (a_k + b_k).

    Args:
        counts: of each tensor k: ``first`` is a_k, ``second`` is b_k, ``weights`` is N_k; ``both`` is not used.

    Returns:
        The floor c; NaN if both masks are empty.

    Source: docs/statistics.md, "Density floor".
    """
    counts = [part for part in counts if part.weights]
    sizes = sum(part.first + part.second for part in counts)
    return 2 * sum(part.first * part.second / part.weights for part in counts) / sizes if sizes else math.nan


def density_floor(counts: Iterable[OverlapCounts], seed: int) -> Floor:
    """The mean of each overlap measure for two random masks with given sizes in each tensor.

    If random masks keep a_k and b_k of the N_k weights of tensor k, the number x_k of weights in both is hypergeometric with mean
    a_k b_k / N_k. Dice and IoMin are linear in the sum of x_k, so their means are exact; the mean of IoU is taken over 2,000
    simulated draws (a normal variable stands for x_k in a tensor of 10^9 weights or more).

    Args:
        counts: of each tensor; ``both`` is not used.
        seed: the seed of the simulation.
    """
    counts = [part for part in counts if part.weights]
    first, second = sum(part.first for part in counts), sum(part.second for part in counts)
    mean = sum(part.first * part.second / part.weights for part in counts)
    random = np.random.Generator(np.random.Philox(seed))
    both = np.zeros(_DRAWS)
    for part in counts:
        both += _shared(random, part)
    union = first + second - both
    return Floor(
        dice=dice_floor(counts),
        iomin=mean / min(first, second) if min(first, second) else math.nan,
        iou=float(np.mean(both / union)) if (union > 0).all() else math.nan,
    )


def _shared(random: np.random.Generator, part: OverlapCounts) -> NDArray[np.float64]:
    """How many weights of a tensor pairs of random masks share, drawn."""
    first, second, weights = part.first, part.second, part.weights
    if max(first, weights - first, second) < _MOST_DRAWN:
        return random.hypergeometric(first, weights - first, second, _DRAWS).astype(np.float64)
    # a normal variable of the same mean and variance: of so many weights, the mean of IoU depends on nothing else
    mean = first * second / weights
    variance = mean * (1 - first / weights) * (weights - second) / (weights - 1)
    return random.normal(mean, math.sqrt(variance), _DRAWS)
