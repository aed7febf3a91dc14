"""Numbers over networks along an axis, as curves, or beside names, as dots; the axis fits the numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from maskscope.analysis import Summary
from maskscope.report.drawing.charts import Bar, draw_points, drawn_ends, room_of
from maskscope.report.drawing.panel import INK, MUTED, Axes, mark_of
from maskscope.report.numbers import INTERVAL_FROM, POINTS_BELOW, UNDEFINED, Notation, brief, mean_text

# more values than this have decades on their axis and no names
_MOST_NAMED = 7
# inches beside an axis of numbers, and of a letter with its share of the space to the next name
_SIDES, _SPACED = 0.8, 0.085
# percentage points beyond 0 and 100 %
_ROOM = 2.0


@dataclass(frozen=True)
class Curve:
    """A number over networks at each value of an axis."""

    name: str
    summaries: Sequence[Summary]
    colour: str


def draw_curves(axes: Axes, values: Sequence[float], curves: Sequence[Curve], notation: Notation) -> None:
    """A line through the means, with each point's interval and networks; a gap where a number is undefined."""
    factor = 100.0 if notation == "percent" else 1.0
    for curve in curves:
        means = [factor * summary.mean for summary in curve.summaries]
        axes.plot(values, means, color=curve.colour, linewidth=1.4, marker=mark_of(curve.colour), markersize=5, zorder=3)
        for value, summary in zip(values, curve.summaries, strict=True):
            draw_upright(axes, value, summary, curve.colour, factor)
    if not any(summary.n for curve in curves for summary in curve.summaries):
        axes.text(0.5, 0.5, UNDEFINED, transform=axes.transAxes, ha="center", style="italic", color=MUTED)
    axes.grid(axis="y")


def draw_upright(axes: Axes, x: float, summary: Summary, colour: str, factor: float) -> None:
    """The interval as an upright line, and each network's value as a small mark below n = 10."""
    if summary.n >= INTERVAL_FROM:
        axes.plot([x, x], [factor * summary.low, factor * summary.high], color=colour, linewidth=1.2, alpha=0.8, zorder=2)
    points = [factor * value for value in summary.values if not math.isnan(value)]
    if 1 < len(points) < POINTS_BELOW:
        axes.scatter(
            [x] * len(points), points, s=13, marker=mark_of(colour), facecolor="none", edgecolor=colour, linewidth=0.8, zorder=4
        )


def name_values(axes: Axes, values: Sequence[float], names: Sequence[str], label: str, *, logarithmic: bool = True) -> None:
    """The value axis: logarithmic where all values are positive, if that is wanted; each value by its name if there are few."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    if logarithmic and min(values, default=0) > 0:
        axes.set_xscale("log")
        room = max(1.25, (max(values) / min(values)) ** 0.06)
        axes.set_xlim(min(values) / room, max(values) * room)
    axes.xaxis.set_minor_formatter(NullFormatter())
    if len(values) <= _MOST_NAMED:
        axes.set_xticks(values, names)
        axes.tick_params(axis="x", which="minor", bottom=False)
        if _collide(axes, values, names):
            axes.tick_params(axis="x", labelrotation=45)
    else:
        axes.xaxis.set_major_formatter(FuncFormatter(short_power))
    axes.set_xlabel(label)


def within_whole(axes: Axes, summaries: Sequence[Summary]) -> None:
    """A share's axis ends where shares end: an interval may run past 0 and 100 %, and numbers cannot."""
    low, high = axes.get_ylim()
    if all(0 <= value <= 1 for summary in summaries for value in summary.values if not math.isnan(value)):
        axes.set_ylim(max(low, -_ROOM), min(high, 100 + _ROOM))


def _collide(axes: Axes, values: Sequence[float], names: Sequence[str]) -> bool:
    """Whether two names under an axis would run into each other, by the length of their longest lines."""
    scale = math.log if axes.get_xscale() == "log" else float
    low, high = (scale(end) for end in axes.get_xlim())
    inches = room_of(axes) - _SIDES
    places = sorted(zip((inches * (scale(value) - low) / (high - low) for value in values), names, strict=True))
    lengths = [_SPACED * max(map(len, name.split("\n"))) for _, name in places]
    between = [(right[0] - left[0]) for left, right in pairwise(places)]
    return any(gap < (left + right) / 2 for gap, left, right in zip(between, lengths, lengths[1:], strict=False))


def short_power(value: float, _: object) -> str:
    """``1e-5``, ``2.5e-4``, ``100``."""
    if 0.01 <= abs(value) < 1e4 or value == 0:
        return f"{value:g}"
    mantissa, _, power = f"{value:e}".partition("e")
    return f"{float(mantissa):g}e{int(power)}"


def draw_dots(axes: Axes, rows: Sequence[tuple[str, Sequence[Bar]]], notation: Notation, label: str) -> None:
    """For each name a tick at the mean, its interval and networks, a lane for each colour; the axis need not begin at 0."""
    factor = 100.0 if notation == "percent" else 1.0
    for y, (_, bars) in enumerate(rows):
        for lane, bar in enumerate(bars):
            place = y + (lane - (len(bars) - 1) / 2) * 0.3
            _draw_dot(axes, place, bar, notation, factor)
    values = [factor * end for _, bars in rows for bar in bars if bar.summary for end in drawn_ends(bar.summary)]
    spread = (max(values) - min(values)) or max(abs(max(values)) * 0.1, 0.01) if values else 1.0
    if values:
        axes.set_xlim(min(values) - 0.12 * spread, max(values) + 0.12 * spread)
    axes.set_yticks(range(len(rows)), [brief(name) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x")
    axes.set_xlabel(label)


def _draw_dot(axes: Axes, y: float, bar: Bar, notation: Notation, factor: float) -> None:
    beside = axes.get_yaxis_transform()
    if bar.summary is None or bar.summary.n == 0:
        axes.text(0.5, y, UNDEFINED, transform=beside, ha="center", va="center", style="italic", color=MUTED, fontsize=8)
        return
    draw_points(axes, y, bar.summary, bar.colour, factor, size=22.0)
    mean = factor * bar.summary.mean
    axes.plot([mean] * 2, [y - 0.12, y + 0.12], color=bar.colour, linewidth=2.4, zorder=5, solid_capstyle="butt")
    axes.text(1.025, y, mean_text(bar.summary, notation), transform=beside, va="center", fontsize=8.5, color=INK)
