"""The few shapes that all figures are made of: horizontal bars with points and intervals, and heat maps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.analysis import Summary
from maskscope.report.drawing.panel import FUNCTION_COLOURS, GRID, HEAT, INK, MUTED, WHOLE_COLOUR, Axes, mark_of
from maskscope.report.numbers import INTERVAL_FROM, NOT_MEASURED, POINTS_BELOW, UNDEFINED, Notation, brief, mean_text, plain
from maskscope.report.over_networks import few

# inches
WIDTH = 4.2
# of the panels that carry a page: two beside each other
PICTURE_WIDTH = 5.0
# the share of its width that a panel with names on the left and numbers on the right needs
LEAST = 0.8
_LANE, _GAP, _FRAME = 0.185, 0.13, 0.95
# inches of a letter, and letters of a mark with its space in a legend
LETTER, _MARK = 0.07, 4
# characters of one line of a row's name
_LINE = 27


@dataclass(frozen=True)
class Bar:
    """One number over networks as a bar.

    Args:
        summary: the number; None was not measured.
        colour: of the bar.
        beside: what it is compared with, a grey tick.
    """

    summary: Summary | None
    colour: str
    beside: Summary | None = None


def colour_of(function: str, functions: Sequence[str]) -> str:
    """The colour of a function, the same in every figure; grey for what belongs to none, or if there are too many."""
    if function not in functions or not few(functions):
        return WHOLE_COLOUR
    return FUNCTION_COLOURS[functions.index(function)]


def bars_height(rows: int, lanes: int) -> float:
    """The height in inches that `draw_bars` needs."""
    return _FRAME + rows * (lanes * _LANE + _GAP)


def draw_bars(axes: Axes, rows: Sequence[tuple[str, Sequence[Bar]]], *, notation: Notation, label: str, whole: bool) -> None:
    """A group of horizontal bars for each row: bar to the mean, a line for its interval, a point for each network.

    Args:
        axes: to draw on.
        rows: label and bars, from the top.
        notation: percent numbers are drawn times 100.
        label: of the value axis.
        whole: whether the axis is 0 to 1 (100 %); else it ends a little after the smallest and the largest number.
    """
    factor = 100.0 if notation == "percent" else 1.0
    low, high = (0.0, factor) if whole else (factor * end * 1.12 for end in _ends(rows))
    places, heights = [], 0.0
    for _, lanes in rows:
        top = heights + _GAP / 2
        for lane, bar in enumerate(lanes):
            _draw_bar(axes, top + (lane + 0.5) * _LANE, bar, factor, notation)
        heights += len(lanes) * _LANE + _GAP
        places.append((top + heights - _GAP / 2) / 2)
    axes.set_yticks(places, ["\n".join(brief(line, _LINE) for line in name.split("\n")) for name, _ in rows])
    axes.set_ylim(heights, 0)
    axes.set_xlim(low, high)
    axes.set_xlabel(label)
    axes.grid(axis="x")
    axes.axvline(0, color=MUTED, linewidth=0.8)


def draw_legend(axes: Axes, entries: Sequence[tuple[str, str]], depth: float = 0.46) -> None:
    """Names beside marks in their colours, some inches below the axis, under its label."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    figure = axes.get_figure(root=True)
    if entries and isinstance(figure, Figure):
        marks = [
            Line2D(
                [],
                [],
                color=colour,
                linestyle="none",
                marker=mark_of(colour),
                markersize=9 if mark_of(colour) == "|" else 6.5,
                markeredgewidth=2.2 if mark_of(colour) == "|" else 1,
                label=brief(name, 16),
            )
            for name, colour in entries
        ]
        # beside the names of rows, as many in a line as fit
        room = room_of(axes)
        wide = LETTER * (max(len(brief(name, 16)) for name, _ in entries) + _MARK)
        whole = LETTER * sum(len(brief(name, 16)) + _MARK for name, _ in entries)
        below = ScaledTranslation(0, -depth, figure.dpi_scale_trans)
        axes.legend(
            handles=marks,
            loc="upper left",
            bbox_to_anchor=(-0.01, 0),
            bbox_transform=axes.transAxes + below,
            ncols=len(marks) if whole <= room else max(1, min(int(room / wide), -(-len(marks) // 2))),
            handlelength=0.9,
            numpoints=1,
            handletextpad=0.5,
            columnspacing=1.1,
            borderaxespad=0,
        )


def room_of(axes: Axes) -> float:
    """Inches of a panel from the axis of values on, beside the names of its rows."""
    from matplotlib.figure import Figure

    figure, place = axes.get_figure(root=True), axes.get_subplotspec()
    assert isinstance(figure, Figure)
    assert place is not None, "panels are subplots"
    names = [line for label in axes.get_yticklabels() for line in label.get_text().split("\n")]
    return float(figure.get_size_inches()[0]) / place.get_gridspec().ncols - LETTER * max(map(len, names), default=0)


def draw_heat(
    axes: Axes,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    notation: Notation,
    darkest: float = 1.0,
    decimals: int | None = None,
) -> None:
    """A number in each cell, the stronger its colour the closer to ``darkest``."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    for y, line in enumerate(values):
        for x, value in enumerate(line):
            depth = 0.0 if math.isnan(value) else min(max(value / darkest, 0.0), 1.0)
            face = to_rgba(HEAT, depth)
            axes.add_patch(Rectangle((x, y), 1, 1, facecolor=face, edgecolor=GRID, linewidth=0.8, clip_on=False))
            ink = "#ffffff" if depth > 0.7 else INK
            text = "undef." if math.isnan(value) else plain(value, notation, decimals)
            axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=9 if decimals is None else 7.5, color=ink)
    name_cells(axes, rows, columns)


def name_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """The axes of a heat map whose cells are of size 1: names of rows and columns, no lines."""
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.set_xticks([x + 0.5 for x in range(len(columns))], [brief(name) for name in columns])
    if _turned(columns):
        axes.tick_params(axis="x", labelrotation=45)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    axes.set_yticks([y + 0.5 for y in range(len(rows))], [brief(name) for name in rows])
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)


def heat_size(rows: Sequence[str], columns: Sequence[str], cell: tuple[float, float]) -> tuple[float, float]:
    """The width and height in inches that `draw_heat` needs with cells of a size, labels included."""
    wide, high = (max(len(brief(name)) for name in names) for names in (rows, columns))
    return 0.5 + 0.075 * wide + cell[0] * len(columns), 0.85 + (0.055 * high if _turned(columns) else 0.0) + cell[1] * len(rows)


def draw_points(axes: Axes, y: float, summary: Summary, colour: str, factor: float, size: float = 16) -> None:
    """The interval as a line, if there are networks enough, and each network's value as a point below n = 10."""
    if summary.n >= INTERVAL_FROM:
        ends = [factor * summary.low, factor * summary.high]
        axes.plot(ends, [y, y], color=colour, linewidth=1.6, solid_capstyle="butt", zorder=3)
    points = [factor * value for value in summary.values if not math.isnan(value)]
    # with more of them, the mean alone has the mark of its colour
    shown = points if len(points) < POINTS_BELOW else [factor * summary.mean]
    axes.scatter(
        shown,
        [y] * len(shown),
        s=size,
        marker=mark_of(colour),
        facecolor="none",
        edgecolor=colour,
        linewidth=1,
        zorder=4,
        clip_on=False,
    )


def drawn_ends(summary: Summary) -> list[float]:
    """The values and, if it is drawn, the interval of a number: what an axis has to hold."""
    ends = [summary.low, summary.high] if summary.n >= INTERVAL_FROM else []
    return [end for end in (*ends, *summary.values) if not math.isnan(end)]


def _draw_bar(axes: Axes, y: float, bar: Bar, factor: float, notation: Notation) -> None:
    summary = bar.summary
    if summary is None or summary.n == 0:
        text = NOT_MEASURED if summary is None else UNDEFINED
        axes.text(0.01, y, text, transform=axes.get_yaxis_transform(), va="center", color=MUTED, fontsize=8, style="italic")
        return
    axes.barh(y, factor * summary.mean, height=_LANE * 0.82, color=bar.colour, alpha=0.28, linewidth=0)
    mean = factor * summary.mean
    axes.plot([mean, mean], [y - _LANE * 0.41, y + _LANE * 0.41], color=bar.colour, linewidth=2, zorder=3, solid_capstyle="butt")
    draw_points(axes, y, summary, bar.colour, factor)
    if bar.beside and bar.beside.n:
        axes.plot([factor * bar.beside.mean] * 2, [y - _LANE * 0.5, y + _LANE * 0.5], color=MUTED, linewidth=2.2, zorder=5)
    label = mean_text(summary, notation)
    axes.text(1.025, y, label, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5, color=INK)


def _turned(columns: Sequence[str]) -> bool:
    """Whether the names of columns are too long to stand side by side."""
    return max(len(name) for name in columns) > (5 if len(columns) > 4 else 7)


def _ends(rows: Sequence[tuple[str, Sequence[Bar]]]) -> tuple[float, float]:
    """The smallest and largest number to be drawn, intervals and 0 included."""
    summaries = [bar.summary for _, lanes in rows for bar in lanes if bar.summary and bar.summary.n]
    lows = [end for summary in summaries for end in drawn_ends(summary)]
    highs = [*lows, *(bar.beside.mean for _, lanes in rows for bar in lanes if bar.beside and bar.beside.n)]
    top = max([end for end in highs if math.isfinite(end)], default=1.0)
    return min([0.0, *(end for end in lows if math.isfinite(end) and end < 0)]), top if top > 0 else 1e-3
