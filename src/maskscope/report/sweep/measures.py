"""What the figures of sweeps show: which numbers, in which colours, under which titles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from maskscope.analysis import Summary
from maskscope.engine.sweep.record import SweepPoint, SweepRecord
from maskscope.report.drawing.charts import colour_of
from maskscope.report.drawing.panel import INK, WHOLE_COLOUR
from maskscope.report.numbers import Notation
from maskscope.report.over_networks import WHOLE, few, mask_label
from maskscope.report.sweep.numbers import (
    MOST_DRAWN,
    accuracy,
    compared_at,
    dice,
    drawn_masks,
    full_mask_accuracy,
    mean_accuracy,
    of_mask,
    repeated_name,
    shared_share,
    sharing,
    sweep_pair,
)
from maskscope.report.words import kept_short, removed_short


@dataclass(frozen=True)
class Line:
    """One number over networks at each value.

    Args:
        name: for the legend; empty for a number that stands alone.
        value: of a point.
        colour: of its curve or dots.
    """

    name: str
    value: Callable[[SweepPoint], Summary]
    colour: str = INK


@dataclass(frozen=True)
class Measure:
    """A panel.

    Args:
        name: of the panel, after that of the sweep.
        title: above it.
        notation: of the numbers.
        lines: what is drawn.
        logarithmic: whether the numbers may span decades.
        band: whether the range from 0 to 1 is marked.
    """

    name: str
    title: str
    notation: Notation
    lines: Sequence[Line]
    logarithmic: bool = False
    band: bool = False


def measures_of(record: SweepRecord) -> list[Measure]:
    """What the panels of a sweep show; of one without a name of its own, everything that was measured."""
    return NAMED.get(record.sweep, _any_measures)(record)


def _penalty_measures(record: SweepRecord) -> list[Measure]:
    found = [
        Measure("accuracy", "Accuracy with the full mask", "percent", [_full_accuracy(record)]),
        Measure("density", "Weights kept", "percent", _of_masks(record, "density"), logarithmic=True),
        Measure("undecided", "Undecided logits", "percent", _of_masks(record, "undecided")),
    ]
    pair = sweep_pair(record)
    if pair is not None:
        overlap = Line("Dice", lambda point: dice(point, *pair))
        shared = Line(f"of {pair[0]}'s mask", lambda point: shared_share(point, *pair), WHOLE_COLOUR)
        found.append(Measure("overlap", f"Overlap of {pair[0]} and {pair[1]}", "ratio", [overlap, shared]))
    return found


def _size_measures(record: SweepRecord) -> list[Measure]:
    pair, found = sweep_pair(record), list[Measure]()
    if pair is not None:
        shared = Line("", lambda point: shared_share(point, *pair))
        scale = Line("", lambda point: sharing(point, *pair))
        found = [
            Measure("shared", f"{pair[0]}'s mask, shared with {pair[1]}'s", "percent", [shared]),
            Measure("sharing", "Normalised sharing", "ratio", [scale], band=True),
        ]
    return [
        *found,
        Measure("density", "Weights kept", "percent", _of_masks(record, "density"), logarithmic=True),
        Measure("accuracy", "Accuracy with the full mask", "percent", [_full_accuracy(record)]),
    ]


def _estimator_measures(record: SweepRecord) -> list[Measure]:
    pair, functions = sweep_pair(record), record.functions
    kept = [Line(name, _number("density", name), colour_of(name, functions)) for name in functions]
    stable = [Line(name, _number("dice", f"{name}, {name}"), colour_of(name, functions)) for name in functions]
    found = [
        Measure("accuracy", "Accuracy with the full mask", "percent", [_full_accuracy(record)]),
        Measure("density", "Weights kept", "percent", kept),
        Measure("undecided", "Undecided logits, full mask", "percent", [Line("", _number("undecided", WHOLE))]),
        Measure("stability", "Stability (Dice, same function)", "ratio", stable),
    ]
    if pair is not None:
        found += [
            Measure("dice", f"Dice of {pair[0]} and {pair[1]}", "ratio", [Line("", lambda point: dice(point, *pair))]),
            Measure("sharing", "Normalised sharing", "ratio", [Line("", lambda point: sharing(point, *pair))]),
        ]
    return found


def _any_measures(record: SweepRecord) -> list[Measure]:
    """Each function under and without each mask, weights kept, undecided logits, overlap of every pair, stability."""
    masks, found = drawn_masks(record), list[Measure]()
    for measure, words in (("sufficiency", kept_short), ("necessity", removed_short)):
        for mask in masks:
            title = f"Accuracy, {words(mask)}"
            found.append(Measure(f"{measure}-{mask}", title, "percent", _accuracies(record, measure, mask)))
    pairs = compared_at(record.points)
    different = [pair for pair in pairs if not repeated_name(pair)][:MOST_DRAWN]
    repeated = [pair for pair in pairs if repeated_name(pair)][:MOST_DRAWN]
    overlaps = [Line(pair, _number("dice", pair), colour_of(pair, different)) for pair in different]
    floor = [Line("floor", _number("dice floor", pair), WHOLE_COLOUR) for pair in different if len(different) == 1]
    found += [
        Measure("density", "Weights kept", "percent", _of_masks(record, "density"), logarithmic=True),
        Measure("undecided", "Undecided logits", "percent", _of_masks(record, "undecided")),
        Measure("overlap", "Overlap of masks (Dice)", "ratio", [*overlaps, *floor]),
        Measure(
            "stability",
            "Two masks for one function (Dice)",
            "ratio",
            [Line(repeated_name(pair), _number("dice", pair), colour_of(pair, repeated)) for pair in repeated],
        ),
        Measure(
            "sharing",
            "Normalised sharing",
            "ratio",
            [Line(pair, _number("normalised sharing", pair), colour_of(pair, different)) for pair in different],
            band=True,
        ),
    ]
    return [one for one in found if any(line.value(point).n for line in one.lines for point in record.points)]


NAMED: dict[str, Callable[[SweepRecord], list[Measure]]] = {
    "penalty": _penalty_measures,
    "size": _size_measures,
    "estimator": _estimator_measures,
}


def _accuracies(record: SweepRecord, measure: str, mask: str) -> list[Line]:
    """A line for each function, or one for the mean of many."""
    if not few(record.functions):
        return [Line("", partial(mean_accuracy, measure=measure, mask=mask, functions=record.functions))]
    return [
        Line(name, partial(accuracy, measure=measure, mask=mask, function=name), colour_of(name, record.functions))
        for name in record.functions
    ]


def _of_masks(record: SweepRecord, measure: str) -> list[Line]:
    shown = drawn_masks(record)
    coloured = [name for name in shown if name != WHOLE]
    return [Line(mask_label(name), _number(measure, name), colour_of(name, coloured)) for name in shown]


def _full_accuracy(record: SweepRecord) -> Line:
    return Line("", lambda point: full_mask_accuracy(point, record.functions))


def _number(measure: str, mask: str) -> Callable[[SweepPoint], Summary]:
    return partial(of_mask, measure=measure, mask=mask)
