"""Bars with their floors: overlap of named pairs beside what sizes alone give."""

import math
from collections.abc import Sequence
from functools import partial

from maskscope.analysis import Summary
from maskscope.report.drawing.charts import WIDTH, Bar, bars_height, draw_bars, draw_legend
from maskscope.report.drawing.panel import MUTED, Axes, Panel

# a name, the number of its bar, the number of its floor, and a colour
Row = tuple[str, Summary | None, Summary | None, str]


def floored_bars(name: str, title: str, rows: Sequence[Row], label: str, legend: Sequence[tuple[str, str]]) -> Panel:
    """A bar for each row, with a grey tick at its floor; the axis ends a little after the longest bar."""
    size = (WIDTH + 0.4, bars_height(len(rows), 1) + 0.25)
    return Panel(name, title, size, partial(_draw, rows=rows, label=label, legend=legend))


def _draw(axes: Axes, rows: Sequence[Row], label: str, legend: Sequence[tuple[str, str]]) -> None:
    bars = [(name, [Bar(found, colour)]) for name, found, _, colour in rows]
    draw_bars(axes, bars, notation="ratio", label=label, whole=True)
    tops = [max(found.high if found.n > 1 else found.mean, *found.values) for _, found, _, _ in rows if found and found.n]
    axes.set_xlim(0, min(1.0, 1.15 * max([top for top in tops if math.isfinite(top)], default=1.0) or 1.0))
    for y, (_, _, floor, _) in zip(axes.get_yticks(), rows, strict=True):
        if floor and floor.n:
            axes.plot([floor.mean] * 2, [y - 0.1, y + 0.1], color=MUTED, linewidth=2.2, zorder=5)
    draw_legend(axes, [*legend, ("floor", MUTED)])
