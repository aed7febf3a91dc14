"""A series on the page: behaviour, size and overlap of the masks over training, as a figure and a table."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import Any

from maskscope.analysis import Summary, summarise
from maskscope.engine.quantities import TRAINED
from maskscope.procedure.plans import Checkpoint
from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import LEAST
from maskscope.report.drawing.curves import Curve, draw_curves, name_values
from maskscope.report.drawing.panel import FUNCTION_COLOURS, Axes, Panel
from maskscope.report.numbers import NOTATION, Notation, Number, brief, count_text, in_words
from maskscope.report.section import Figure, Section, short_or_folded
from maskscope.report.table import Row, Table, columns
from maskscope.studies.own.claims import KEPT
from maskscope.studies.own.series import BEFORE, BEFORE_OTHER, LAST, LAST_OTHER, series_numbers

_SIZE = (4.2, 2.8)
# upper ends of axes, by panel; a share of a score that is hardly above that of the emptied network may be of any size, and is cut
_TOPS = {"score": 104.0, "kept": 125.0, "before": 1.04, "last": 1.04, "overlap": 1.04}
# title of a column, and the measure
_COLUMNS = (
    ("score, no mask", "accuracy"),
    ("score under its mask", "sufficiency"),
    ("share of the score kept", KEPT),
    ("units kept", "density"),
    ("IoU with the checkpoint before", BEFORE),
    ("the same, other repeat", BEFORE_OTHER),
    ("IoU with the last", LAST),
    ("the same, other repeat", LAST_OTHER),
    ("IoU of repeats", "iou"),
)


def series_section(record: MaskRecord[Any]) -> Section | None:
    """What becomes of the masks over training; None where there is no series."""
    if not record.checkpoints:
        return None
    table = _table(record)
    shown, folded = short_or_folded(table)
    return Section(
        "series",
        "Over training",
        (
            f"The {count_text(len(_labels(record)), 'checkpoint')} are states of one network, not replicates: each number is of "
            "one network, has no interval, and no claim counts them as several. All other sections are about the last one.",
            _starts(record),
        ),
        figures=(Figure("series", lambda: _panels(record)),),
        caption="A point for each checkpoint. A gap: the number is undefined there, such as the share that is kept of no score.",
        tables=(*shown, _overlap_table(record)),
        folded=folded,
        short="Series",
    )


def series_caution(record: MaskRecord[Any]) -> list[str]:
    """That checkpoints are no replicates; nothing where there is no series."""
    if not record.checkpoints:
        return []
    return [
        f"The checkpoints {in_words(_labels(record))} are one network at several times: n is 1, and every claim, which is about "
        "the last of them, stays open."
    ]


def _starts(record: MaskRecord[Any]) -> str:
    if not record.spec.get("warm", True):
        return "Each search started cold: what the masks of two checkpoints share, both found for themselves."
    return (
        "Each search started from the mask that was found for the same function and repeat on the checkpoint before. What two "
        "neighbours share is in part that start. Where the overlap with the other repeat, which began elsewhere, is as high, it "
        "is due to the network. For masks that owe nothing to each other, take warm=False."
    )


def _labels(record: MaskRecord[Any]) -> list[str]:
    return list(record.spec["series"])


def _variants(record: MaskRecord[Any]) -> list[str]:
    return [*(Checkpoint(place, label).name for place, label in enumerate(record.checkpoints)), TRAINED]


def _mask_of(measure: str, function: str) -> tuple[str, str]:
    """The mask and the function of a measure's address."""
    if measure == "accuracy":
        return "", function
    if measure == "iou":
        return f"{function}, {function}", ""
    return function, function if measure in ("sufficiency", KEPT) else ""


def _number(record: MaskRecord[Any], measure: str, address: tuple[str, str], variant: str) -> Number | None:
    found = record.quantity(measure, *address, variant=variant)
    return Number(found.summary, NOTATION[found.unit]) if found else None


def _table(record: MaskRecord[Any]) -> Table:
    measured = {one.measure for one in record.quantities}
    here = [(title, measure) for title, measure in _COLUMNS if measure in measured]
    rows = [
        Row(function, (label, *(_number(record, measure, _mask_of(measure, function), variant) for _, measure in here)))
        for function in record.functions
        for label, variant in zip(_labels(record), _variants(record), strict=True)
    ]
    titles = ("checkpoint", *(title for title, _ in here))
    return Table("series", "Each function over training, on one network", columns(*titles), tuple(rows))


def _overlap_table(record: MaskRecord[Any]) -> Table:
    rows = [
        Row(
            pair,
            (label, *(_number(record, measure, (pair, ""), variant) for measure in ("iou", "dice floor", "normalised sharing"))),
        )
        for pair in _pairs(record)
        for label, variant in zip(_labels(record), _variants(record), strict=True)
    ]
    titles = ("checkpoint", "IoU", "Dice that sizes alone give", "normalised sharing")
    return Table("series-overlap", "Overlap of two functions' masks over training, on one network", columns(*titles), tuple(rows))


def _pairs(record: MaskRecord[Any]) -> list[str]:
    return [", ".join(pair) for pair in combinations(record.functions, 2)]


def _panels(record: MaskRecord[Any]) -> list[Panel]:
    functions, few = list(record.functions), list(record.functions)[: len(FUNCTION_COLOURS)]
    more = f" (the first {len(few)} functions)" if len(few) < len(functions) else ""
    shown: list[tuple[str, str, str, Notation, list[tuple[str, str]]]] = [
        ("score", f"Score without a mask{more}", "accuracy", "percent", [(one, one) for one in few]),
        ("kept", f"Share of the score kept{more}", KEPT, "percent", [(one, one) for one in few]),
        ("size", f"Units kept{more}", "density", "percent", [(one, one) for one in few]),
        ("before", f"IoU with the checkpoint before{more}", BEFORE, "ratio", [(one, one) for one in few]),
        ("last", f"IoU with the last checkpoint{more}", LAST, "ratio", [(one, one) for one in few]),
        ("overlap", "IoU of two functions", "iou", "ratio", [(pair, pair) for pair in _pairs(record)[: len(FUNCTION_COLOURS)]]),
    ]
    panels = []
    for name, title, measure, notation, masks in shown:
        curves = [
            Curve(label, _over_time(record, measure, mask), colour)
            for (label, mask), colour in zip(masks, FUNCTION_COLOURS, strict=False)
        ]
        if any(summary.n for curve in curves for summary in curve.summaries):
            panels.append(
                Panel(f"series-{name}", title, _SIZE, partial(_draw, _labels(record), curves, notation, _TOPS.get(name)), LEAST)
            )
    return panels


def _over_time(record: MaskRecord[Any], measure: str, mask: str) -> list[Summary]:
    address = (mask, "") if measure == "iou" else _mask_of(measure, mask)
    found = [record.quantity(measure, *address, variant=variant) for variant in _variants(record)]
    return [one.summary if one else summarise([math.nan]) for one in found]


def _draw(labels: Sequence[str], curves: Sequence[Curve], notation: Notation, top: float | None, axes: Axes) -> None:
    numbers = series_numbers(labels)
    places = numbers or [float(place) for place in range(len(labels))]
    draw_curves(axes, places, curves, notation)
    name_values(axes, places, [brief(label, 10) for label in labels], "training step" if numbers else "checkpoint")
    axes.set_ylabel("%" if notation == "percent" else "IoU")
    axes.set_ylim(0, top)
    room = 0.05 * (places[-1] - places[0])
    if axes.get_xscale() == "linear":  # also where a curve begins later or ends earlier than the series
        axes.set_xlim(places[0] - room, places[-1] + room)
    if len(curves) > 1:
        for curve in curves:
            axes.plot([], [], color=curve.colour, label=brief(curve.name))
        axes.legend(frameon=False, fontsize=8)
