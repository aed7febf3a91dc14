"""Numbers of one network of a class-removal or mask-stability study."""

import math
from collections.abc import Iterable, Mapping

from maskscope.experiments.class_record import Kept
from maskscope.experiments.record import NetworkResult
from maskscope.experiments.units import OVER_CLASSES
from maskscope.tasks import Task

# measure, mask, function
Numbers = dict[tuple[str, str, str], float]


def remaining(parts: Iterable[Kept]) -> float:
    """Of the weights of the full mask, the share that another mask keeps; NaN if the full mask is empty.

    Source: "remaining" of the authors' code.
    """
    parts = list(parts)
    whole = sum(part.weights for part in parts)
    return sum(part.kept for part in parts) / whole if whole else math.nan


def relative_drop(full: float, without: float) -> float:
    """The share of an accuracy that is lost against the full mask's; NaN where that is 0.

    Source: minus the "relative drop" r of the authors' code, not in percent.
    """
    return (full - without) / full if full else math.nan


def largest_other_over_target(drops: Mapping[str, float], target: str) -> float:
    """The largest relative drop among the other classes, or 0, over the target's; NaN where the target loses nothing.

    Source: "largest other/target" of the authors' code, not in percent.
    """
    others = [drop for name, drop in drops.items() if name != target]
    return max([*others, 0.0]) / drops[target] if drops[target] > 0 and not any(map(math.isnan, others)) else math.nan


def removal_numbers(network: NetworkResult) -> Numbers:
    """For every removed class how much it and the others lose, under the mask found without it and with what it owns removed."""
    full = next((found for found in network.masks if (found.function, found.repeat) == (Task.whole, 0)), None)
    if full is None or not network.owned:
        return {}
    numbers: Numbers = {}
    kept = full.sufficiency.accuracy
    for own in network.owned:
        mask = next(found for found in network.masks if (found.function, found.repeat) == (own.mask, 0))
        drops = {name: relative_drop(kept[name], mask.sufficiency.accuracy[name]) for name in kept}
        numbers |= {("relative drop", own.mask, name): drop for name, drop in drops.items()}
        others = [drop for name, drop in drops.items() if name != own.function]
        numbers["target drop", own.mask, ""] = drops[own.function]
        numbers["mean drop of others", own.mask, ""] = sum(others) / len(others) if others else math.nan
        numbers["largest other over target", own.mask, ""] = largest_other_over_target(drops, own.function)
        numbers["owned share of the full mask", own.mask, ""] = own.share
        removed = relative_drop(kept[own.function], own.removed.accuracy[own.function])
        at_random = [relative_drop(kept[own.function], scores.accuracy[own.function]) for scores in own.random_removed]
        numbers["target drop without what it owns", own.mask, ""] = removed
        numbers["target drop without random weights", own.mask, ""] = sum(at_random) / len(at_random)
        numbers["target drop beyond random", own.mask, ""] = removed - sum(at_random) / len(at_random)
    over_classes: dict[str, list[float]] = {}
    for (measure, _, function), value in numbers.items():
        if not function:
            over_classes.setdefault(measure, []).append(value)
    numbers |= {(measure + OVER_CLASSES, "", ""): sum(found) / len(found) for measure, found in over_classes.items()}
    before = network.unmasked.accuracy
    numbers["mean accuracy", "", ""] = sum(before.values()) / len(before)
    numbers["mean loss under the full mask", Task.whole, ""] = sum(before[name] - kept[name] for name in before) / len(before)
    return numbers


def stability_numbers(network: NetworkResult) -> Numbers:
    """How much more two masks for the same classes overlap than masks for different ones; empty without repeats of several.

    Overlap is the IoU of whole masks: the sum over tensors of what both keep, over that of what one keeps.

    Source: the authors' `cifar10_mask_stability`. The masks for different pairs of classes are ours.
    """
    names = {found.function for found in network.masks}
    # masks for one function each have quantities of their own, and the full mask is a mask for none of the pairs
    if network.owned or len(names) < 2 or not names.isdisjoint((Task.whole, *network.unmasked.accuracy)):
        return {}
    repeats = [pair.total.iou for pair in network.pairs if pair.first[0] == pair.second[0]]
    others = [pair.total.iou for pair in network.pairs if pair.first[0] != pair.second[0]]
    if not repeats or not others:
        return {}
    same, different = sum(repeats) / len(repeats), sum(others) / len(others)
    before = network.unmasked.accuracy
    return {
        ("iou of repeats, mean", "", ""): same,
        ("iou of different functions, mean", "", ""): different,
        ("iou of repeats beyond different functions", "", ""): same - different,
        ("mean accuracy", "", ""): sum(before.values()) / len(before),
    }
