"""Figures of overlap where what is compared are many pairs: what classes own, and repeats of masks beside different ones."""

import math
from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes

from maskscope.analysis import Summary
from maskscope.procedure.result import Record
from maskscope.report.across import few_pairs, function_pairs, overlap, overlap_floor, paired_names
from maskscope.report.class_values import floor_in_use
from maskscope.report.drawing.canvas import FUNCTION_COLOURS, MUTED, WHOLE_COLOUR, Panel
from maskscope.report.drawing.charts import WIDTH, Bar, bars_height, draw_bars, draw_heat, draw_legend, heat_size
from maskscope.report.numbers import Unit
from maskscope.report.stability import DIFFERENT, SAME, mean_floor

# a bar and its floor
Row = tuple[str, Summary | None, Summary | None, str]


def owned_overlap_panels(record: Record) -> list[Panel]:
    """Dice of what two classes own: bars with floors inside the full mask, or a matrix if there are many pairs."""
    pairs = sorted(function_pairs(record), key=lambda pair: pair[0] == pair[1])
    if not pairs:
        return []
    if few_pairs(record):
        rows: list[Row] = [
            (
                f"{a}, repeated" if a == b else f"{a}, {b}",
                overlap(record, (a, b), None, "dice"),
                floor_in_use(record, (a, b), "dice"),
                WHOLE_COLOUR if a == b else FUNCTION_COLOURS[0],
            )
            for a, b in pairs
        ]
        legend = [("two classes", FUNCTION_COLOURS[0])]
        legend += [("repeats of one", WHOLE_COLOUR)] if any(a == b for a, b in pairs) else []
        return [_panel("owned-overlap", "Dice of what classes own", rows, "Dice", legend)]
    names = paired_names(record)
    values = [
        [overlap(record, (a, b), None, "dice").mean if a != b or (a, a) in pairs else math.nan for b in names] for a in names
    ]
    top = max((value for line in values for value in line if not math.isnan(value)), default=1.0) or 1.0
    size = heat_size(names, names, (0.55, 0.32))
    draw = partial(draw_heat, rows=names, columns=names, values=values, unit="ratio", darkest=top)
    return [Panel("owned-overlap", "Dice of what two classes own", size, draw)]


def stability_panels(record: Record) -> list[Panel]:
    """IoU of repeats for each pair of classes, then the mean over these and over masks for different pairs."""
    names = paired_names(record)
    rows: list[Row] = []
    for name in names:
        pair = (name, name)
        found, floor = overlap(record, pair, None, "iou"), overlap_floor(record, pair, None, "iou")
        rows += [(name, found, floor, FUNCTION_COLOURS[0])] if found.values and pair in function_pairs(record) else []
    for label, measure, colour in (
        ("same pair, mean", SAME, FUNCTION_COLOURS[0]),
        ("different pairs, mean", DIFFERENT, WHOLE_COLOUR),
    ):
        one = record.quantity(measure)
        rows += [(label, one.summary, mean_floor(record, same=measure == SAME), colour)] if one else []
    if not rows:
        return []
    legend = [("same pair", FUNCTION_COLOURS[0]), ("different pairs", WHOLE_COLOUR)]
    return [_panel("stability", "IoU of whole masks", rows, "IoU (1: the same weights)", legend)]


def _panel(name: str, title: str, rows: Sequence[Row], label: str, legend: Sequence[tuple[str, str]]) -> Panel:
    size = (WIDTH + 0.4, bars_height(len(rows), 1) + 0.25)
    return Panel(name, title, size, partial(_draw, rows=rows, label=label, legend=legend, unit="ratio"))


def _draw(axes: Axes, rows: Sequence[Row], label: str, legend: Sequence[tuple[str, str]], unit: Unit) -> None:
    draw_bars(axes, [(name, [Bar(found, colour)]) for name, found, _, colour in rows], unit=unit, label=label, whole=True)
    tops = [max(found.high if found.n > 1 else found.mean, *found.values) for _, found, _, _ in rows if found and found.n]
    axes.set_xlim(0, min(1.0, 1.15 * max([top for top in tops if math.isfinite(top)], default=1.0) or 1.0))
    for y, (_, _, floor, _) in zip(axes.get_yticks(), rows, strict=True):
        if floor and floor.n:
            axes.plot([floor.mean] * 2, [y - 0.1, y + 0.1], color=MUTED, linewidth=2.2, zorder=5)
    draw_legend(axes, [*legend, ("floor", MUTED)])
