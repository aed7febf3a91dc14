"""Bars with their floors: overlap of named pairs beside what sizes alone give."""

from collections.abc import Sequence
from functools import partial

from maskscope.analysis import Summary
from maskscope.report.drawing.charts import LEAST, WIDTH, Bar, bars_height, draw_bars, draw_legend, drawn_ends
from maskscope.report.drawing.panel import MUTED, Axes, Panel

# a name, the number of its bar, the number of its floor, and a colour
Row = tuple[str, Summary | None, Summary | None, str]


def floored_bars(
    name: str, title: str, rows: Sequence[Row], label: str, legend: Sequence[tuple[str, str]], floor: str = "floor"
) -> Panel:
    """A bar for each row, with a grey tick at its floor; the axis ends a little after the longest bar.

    Args:
        name: of the panel.
        title: above it.
        rows: from the top.
        label: of the value axis.
        legend: names of the colours.
        floor: what the ticks are called in the legend.
    """
    size = (WIDTH + 0.4, bars_height(len(rows), 1) + 0.25)
    return Panel(name, title, size, partial(_draw, rows=rows, label=label, legend=[*legend, (floor, MUTED)]), LEAST)


def _draw(axes: Axes, rows: Sequence[Row], label: str, legend: Sequence[tuple[str, str]]) -> None:
    bars = [(name, [Bar(found, colour, floor)]) for name, found, floor, colour in rows]
    draw_bars(axes, bars, notation="ratio", label=label, whole=True)
    tops = [end for _, found, floor, _ in rows for one in (found, floor) if one for end in drawn_ends(one)]
    axes.set_xlim(0, min(1.0, 1.15 * max(tops, default=1.0) or 1.0))
    draw_legend(axes, legend)
