"""What the points of a sweep say: one number a network, then mean, spread and interval over networks."""

import math
from collections.abc import Callable, Sequence

from maskscope.analysis import Summary, summarise
from maskscope.engine.quantities import TRAINED
from maskscope.engine.sweep.record import SweepPoint, SweepRecord
from maskscope.report.over_networks import WHOLE

# of many masks, or pairs of them, the first are drawn; all are in the tables
MOST_DRAWN = 4


def networks_of(record: SweepRecord) -> int:
    """The most networks that a point has."""
    return max((len(point.seeds) for point in record.points), default=0)


def sweep_pair(record: SweepRecord) -> tuple[str, str] | None:
    """The functions whose overlap is followed: the first two; None if there are not two."""
    return (record.functions[0], record.functions[1]) if len(record.functions) > 1 else None


def full_mask_accuracy(point: SweepPoint, functions: Sequence[str]) -> Summary:
    """Accuracy under the full mask, the mean over functions; undefined where there is no full mask."""
    return mean_accuracy(point, "sufficiency", WHOLE, functions)


def own_accuracy(point: SweepPoint, functions: Sequence[str]) -> Summary:
    """Accuracy under each mask on the function that it is for, the mean over the masks; undefined where masks are for none."""
    owned = [(mask, point.own_functions.get(mask, mask)) for mask in masks_at([point]) if mask != WHOLE]
    return _mean_over(point, [("sufficiency", mask, function) for mask, function in owned if function in functions])


def mean_accuracy(point: SweepPoint, measure: str, mask: str, functions: Sequence[str]) -> Summary:
    """Sufficiency or necessity of a mask, the mean over the functions of the point's network."""
    known = [function for function in functions if point.quantity(measure, mask, function)]
    return _mean_over(point, [(measure, mask, function) for function in known])


def accuracy(point: SweepPoint, measure: str, mask: str, function: str) -> Summary:
    """Sufficiency or necessity of a mask for one function."""
    return _combined(point, [(measure, mask, function)], lambda values: values[0])


def masks_at(points: Sequence[SweepPoint]) -> list[str]:
    """All masks that were found, in the order of the record: the full mask first, if there is one."""
    found = [one.mask for point in points for one in point.quantities if (one.measure, one.variant) == ("density", TRAINED)]
    return [name for name in dict.fromkeys((WHOLE, *found)) if name in found]


def drawn_masks(record: SweepRecord) -> list[str]:
    """The full mask, if there is one, and the first others."""
    others = [name for name in masks_at(record.points) if name != WHOLE][:MOST_DRAWN]
    return [name for name in masks_at(record.points) if name == WHOLE or name in others]


def compared_at(points: Sequence[SweepPoint]) -> list[str]:
    """The pairs whose overlap was measured, as quantities name them: ``add, mul``; last those of a mask with its repeats."""
    named = dict.fromkeys(
        one.mask for point in points for one in point.quantities if (one.measure, one.variant) == ("dice", TRAINED)
    )
    return sorted(named, key=lambda pair: bool(repeated_name(pair)))


def repeated_name(pair: str) -> str:
    """The mask that a pair of repeats is of; empty for a pair of different masks."""
    half = pair[: (len(pair) - 2) // 2]
    return half if pair == f"{half}, {half}" else ""


def of_mask(point: SweepPoint, measure: str, mask: str) -> Summary:
    """Density or undecided share of a mask."""
    return _combined(point, [(measure, mask, "")], lambda values: values[0])


def dice(point: SweepPoint, first: str, second: str) -> Summary:
    """Overlap of the masks of two functions; of one with itself, of its repeats: the ceiling, or stability."""
    return of_mask(point, "dice", f"{first}, {second}")


def shared_share(point: SweepPoint, first: str, second: str) -> Summary:
    """Share of the first function's mask that the second's keeps too: x / a = D (a + b) / 2a, in percent of a.

    Exact with one mask a function; with repeats D is their mean and a, b are the sizes of the first masks.

    Source: Csordás et al. 2021, "total shared", which its plots over size and penalty show.
    """
    addresses = [("dice", f"{first}, {second}", ""), ("density", first, ""), ("density", second, "")]
    return _combined(point, addresses, lambda one: one[0] * (one[1] + one[2]) / (2 * one[1]) if one[1] else math.nan)


def sharing(point: SweepPoint, first: str, second: str) -> Summary:
    """Normalised sharing of two functions."""
    return of_mask(point, "normalised sharing", f"{first}, {second}")


def _mean_over(point: SweepPoint, addresses: Sequence[tuple[str, str, str]]) -> Summary:
    return _combined(point, addresses, lambda values: sum(values) / len(values))


def _combined(point: SweepPoint, addresses: Sequence[tuple[str, str, str]], value: Callable[[Sequence[float]], float]) -> Summary:
    """One number a network, made of several quantities of it; undefined on all if one was not measured."""
    found = [quantity.summary.values for address in addresses if (quantity := point.quantity(*address))]
    if not found or len(found) < len(addresses):
        return summarise([math.nan] * len(point.seeds))
    return summarise([value(numbers) for numbers in zip(*found, strict=True)])
