"""Numbers of one network of a class-removal study."""

import math
from collections.abc import Mapping

from maskscope.engine.quantities import Numbers, Unit
from maskscope.procedure.numbers import relative_drop
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.units import by_measure
from maskscope.studies.class_removal.result import RemovalResult
from maskscope.tasks import Task

# a measure of each class is also given as its mean over classes, in the same unit
OVER_CLASSES = ", mean over classes"
_OF_A_CLASS = by_measure(
    {
        "share": ("owned share of the full mask",),
        "relative": (
            "relative drop",
            "target drop",
            "mean drop of others",
            "largest other over target",
            "target drop without what it owns",
            "target drop without random weights",
            "target drop beyond random",
        ),
    }
)
UNITS: Mapping[str, Unit] = {
    **_OF_A_CLASS,
    **{measure + OVER_CLASSES: unit for measure, unit in _OF_A_CLASS.items()},
    "mean accuracy": "share",
    "mean loss under the full mask": "difference of shares",
}


def largest_other_over_target(drops: Mapping[str, float], target: str) -> float:
    """The largest relative drop among the other classes, or 0, over the target's; NaN where the target loses nothing.

    Source: "largest other/target" of the authors' code, not in percent.
    """
    others = [drop for name, drop in drops.items() if name != target]
    return max([*others, 0.0]) / drops[target] if drops[target] > 0 and not any(map(math.isnan, others)) else math.nan


def removal_numbers(network: NetworkResult[RemovalResult]) -> Numbers:
    """For every removed class how much it and the others lose, under the mask found without it and with what it owns removed."""
    full, owned = network.mask(Task.whole), network.more.owned if network.more else ()
    if full is None or not owned:
        return {}
    numbers: Numbers = {}
    kept = full.sufficiency.accuracy
    for own in owned:
        mask = network.mask(own.mask)
        assert mask is not None, "what is owned was found by a mask"
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
