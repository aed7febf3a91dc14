"""Numbers in rows and columns as a panel: bars where every column has a colour of its own, else a heat map."""

import math
from collections.abc import Sequence
from functools import partial

from maskscope.analysis import Summary
from maskscope.report.drawing.charts import LEAST, WIDTH, Bar, bars_height, draw_bars, draw_heat, draw_legend, heat_size
from maskscope.report.drawing.panel import MUTED, Axes, Panel
from maskscope.report.numbers import Notation

# the name of a row, and its number in each column; None was not measured
Rows = Sequence[tuple[str, Sequence[Summary | None]]]
# a column's name in the legend, and its colour
Lane = tuple[str, str]


def bar_panel(
    name: str,
    title: str,
    rows: Rows,
    lanes: Sequence[Lane],
    label: str,
    *,
    whole: bool = True,
    beside: Sequence[Sequence[Summary | None]] = (),
    beside_name: str = "",
    width: float = WIDTH,
) -> Panel:
    """A group of bars for each row, with a bar for each lane, in percent.

    Args:
        name: of the panel.
        title: above it.
        rows: from the top.
        lanes: one without a name is not in the legend.
        label: of the value axis.
        whole: whether the axis is 0 to 100 %.
        beside: for each row, what its bars are compared with, lane by lane: grey ticks. None: nothing.
        beside_name: of these in the legend.
        width: in inches.
    """
    compared = beside or [[None] * len(lanes) for _ in rows]
    legend = [*(lane for lane in lanes if lane[0]), *([(beside_name, MUTED)] if beside_name else [])]
    size = (width, bars_height(len(rows), len(lanes)) + (0.25 if legend else 0.0))
    bars = [
        (row, [Bar(one, colour, other) for one, (_, colour), other in zip(found, lanes, others, strict=True)])
        for (row, found), others in zip(rows, compared, strict=True)
    ]
    return Panel(name, title, size, partial(_draw_bars, rows=bars, label=label, legend=legend, whole=whole), LEAST)


def heat_panel(
    name: str,
    title: str,
    rows: Rows,
    columns: Sequence[str],
    *,
    cell: tuple[float, float] = (0.55, 0.32),
    notation: Notation = "percent",
    darkest: float = 1.0,
    decimals: int | None = None,
) -> Panel:
    """A heat map of the means."""
    names = [row for row, _ in rows]
    values = [[one.mean if one else math.nan for one in found] for _, found in rows]
    draw = partial(draw_heat, rows=names, columns=columns, values=values, notation=notation, darkest=darkest, decimals=decimals)
    return Panel(name, title, heat_size(names, columns, cell), draw)


def highest(rows: Rows) -> float:
    """The largest mean that is defined, for the cell of strongest colour."""
    means = [one.mean for _, found in rows for one in found if one and not math.isnan(one.mean)]
    return max(means, default=1.0) or 1.0


def _draw_bars(axes: Axes, rows: Sequence[tuple[str, Sequence[Bar]]], label: str, legend: Sequence[Lane], whole: bool) -> None:
    draw_bars(axes, rows, notation="percent", label=label, whole=whole)
    draw_legend(axes, legend)
