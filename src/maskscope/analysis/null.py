"""Tests whether two masks overlap more than masks of the same network that were found for unrelated functions.

Random masks are no valid null: masks depend on the values of the weights, so masks for unrelated functions overlap more, or less,
than random masks of their sizes. The null is therefore *discovered*: masks that are found in the same way, on the same network,
for functions that are unrelated to the first one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.analysis.one_network import require_one_network
from maskscope.errors import MaskscopeError
from maskscope.masks import BinaryMask, dice


@dataclass(frozen=True)
class NullTest:
    """An observed overlap, compared with overlaps with masks of unrelated functions.

    Args:
        observed: Dice of the two masks in question.
        null: Dice of the first mask with each unrelated one.
        p: (1 + #{null >= observed}) / (K + 1); NaN where it is undefined.
    """

    observed: float
    null: tuple[float, ...]
    p: float


def null_test(first: BinaryMask, second: BinaryMask, unrelated: Sequence[BinaryMask]) -> NullTest:
    """Tests whether two masks overlap more than the first one does with masks for unrelated functions.

    The null hypothesis is that the second function is unrelated to the first. The test is valid if, under this hypothesis, the
    second function is like those of ``unrelated``: the network performs it about as well, and its mask is found in the same way
    (docs/statistics.md, "Null").

    Args:
        first: mask of A.
        second: mask of B on the same network.
        unrelated: masks of K other functions on the same network; at least 19 are needed to reach p = .05.

    Raises:
        MaskMismatchError: masks over different weights, or found on different networks.
    """
    require_one_network({"the first mask": first, "the second mask": second}, "null test")
    null, observed = unrelated_null(first, unrelated), dice(first, second)
    return NullTest(observed, null, unrelated_p_value(observed, null))


def unrelated_null(first: BinaryMask, unrelated: Sequence[BinaryMask]) -> tuple[float, ...]:
    """Dice(first, U_k) for each of K masks that were found for unrelated functions on the same network.

    An empty mask has Dice 0 with a mask that is not empty. It means that the search kept nothing, for example because the network
    cannot perform the function; it does not mean that the functions use different weights. A null of empty masks makes every
    overlap look significant: check the sizes before you believe a p-value. The Dice of two empty masks is undefined (NaN).

    Raises:
        MaskMismatchError: masks over different weights, or found on different networks.
    """
    named = {"the first mask": first} | {f"unrelated mask {place}": mask for place, mask in enumerate(unrelated)}
    require_one_network(named, "null")
    return tuple(dice(first, mask) for mask in unrelated)


def unrelated_p_value(observed: float, null: Sequence[float]) -> float:
    """The share of overlaps, the observed one included, that reach the observed one: p = (1 + #{null >= observed}) / (K + 1).

    Args:
        observed: an overlap; if it is undefined (NaN), p is NaN.
        null: K overlaps. An undefined one (NaN) counts as one that reaches the observed overlap, which makes p larger: the
            cautious choice. With K = 0, p is 1.

    Source: Phipson and Smyth, "Permutation p-values should never be zero", 2010.
    """
    if math.isnan(observed):
        return math.nan
    return (1 + sum(not value < observed for value in null)) / (len(null) + 1)


def mid_p_value(observed: float, null: Sequence[float]) -> float:
    """The p-value that counts ties by half: mid-p = (#{null > observed} + (1 + #{null = observed}) / 2) / (K + 1).

    Under the null its mean is .5, with or without ties. The p-value itself is discrete and too high on average, so a test of
    uniformity should use mid-p. NaN is treated as in `unrelated_p_value`.

    Source: Lancaster, "Significance tests in discrete distributions", 1961.
    """
    if math.isnan(observed):
        return math.nan
    above = sum(not value <= observed for value in null)
    return (above + (1 + sum(value == observed for value in null)) / 2) / (len(null) + 1)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p-values: those of at most .05 are significant with a family-wise error rate of at most 5 %.

    With the m defined p-values in ascending order, adjusted_(i) = min(1, max over j <= i of (m - j + 1) p_(j)).

    Args:
        p_values: all p-values of one family; say which family it is where you show the result. Undefined p-values (NaN) are not
            counted in the family and stay undefined.

    Returns:
        The adjusted p-values, in the order of ``p_values``.

    Raises:
        MaskscopeError: a p-value outside [0, 1].

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    outside = [value for value in p_values if not (math.isnan(value) or 0 <= value <= 1)]
    if outside:
        raise MaskscopeError(f"p-values lie in [0, 1]; found {', '.join(map(str, outside))}.")
    order = sorted((place for place, value in enumerate(p_values) if not math.isnan(value)), key=lambda place: p_values[place])
    adjusted, highest = [math.nan] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, (len(order) - rank) * p_values[place])
        adjusted[place] = min(1.0, highest)
    return tuple(adjusted)
