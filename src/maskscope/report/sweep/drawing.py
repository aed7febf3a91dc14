"""Figures of sweeps: numbers over networks along an axis, as curves, or beside names, as dots."""

import math
from collections.abc import Sequence
from functools import partial

from maskscope.engine.sweep.record import SweepRecord
from maskscope.report.drawing.charts import LEAST, WIDTH, Bar, draw_legend, drawn_ends
from maskscope.report.drawing.curves import Curve, draw_curves, draw_dots, draw_upright, name_values, short_power, within_whole
from maskscope.report.drawing.panel import BAND, INK, MUTED, Axes, Panel
from maskscope.report.numbers import short_count
from maskscope.report.sweep.measures import Measure, measures_of
from maskscope.report.sweep.numbers import full_mask_accuracy, shared_share, sweep_pair

_SIZE = (WIDTH, 2.9)
_LEVELS = 8
_DECADE = 10


def sweep_panels(record: SweepRecord) -> list[Panel]:
    """A panel for each measure; none without a point."""
    return [_panel(record, measure) for measure in measures_of(record)] if record.points else []


def _panel(record: SweepRecord, measure: Measure) -> Panel:
    """Dots beside names, or curves along the axis."""
    name = f"{record.sweep}-{measure.name}"
    if record.scale == "name":
        high = 1.15 + 0.46 * len(record.points) * max(1, 0.66 * len(measure.lines))
        return Panel(name, measure.title, (WIDTH, high), partial(_draw_dots, record=record, measure=measure), LEAST)
    title = f"{measure.title} (%)" if measure.notation == "percent" else measure.title
    coloured = name == "penalty-accuracy"
    draw = partial(_draw_accuracy, record=record) if coloured else partial(_draw_curves, record=record, measure=measure)
    return Panel(name, title, _SIZE, draw, LEAST)


def _draw_accuracy(axes: Axes, record: SweepRecord) -> None:
    """Accuracy against the penalty, each mean in the colour of what the two masks share."""
    found = [full_mask_accuracy(point, record.functions) for point in record.points]
    values, pair = [point.value for point in record.points], sweep_pair(record)
    shares = [100 * shared_share(point, *pair).mean if pair else math.nan for point in record.points]
    axes.plot(values, [100 * accuracy.mean for accuracy in found], color=MUTED, linewidth=1.2, zorder=1)
    for value, accuracy in zip(values, found, strict=True):
        draw_upright(axes, value, accuracy, INK, 100.0)
    means = [100 * accuracy.mean for accuracy in found]
    known = [share for share in shares if not math.isnan(share)]
    if known:
        _draw_coloured(axes, values, means, shares, f"{pair[0] if pair else ''}'s mask shared (%)")
    else:
        axes.scatter(values, means, s=46, color=INK, zorder=5)
    axes.grid(axis="y")
    within_whole(axes, found)
    _finish(axes, record)


def _draw_coloured(axes: Axes, xs: Sequence[float], ys: Sequence[float], shares: Sequence[float], label: str) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    known = [share for share in shares if not math.isnan(share)]
    spread = (max(known) - min(known)) or 1.0
    levels = colormaps["viridis"].resampled(_LEVELS)
    scale = ScalarMappable(Normalize(min(known), min(known) + spread), levels)
    colours = [MUTED if math.isnan(share) else levels((share - min(known)) / spread) for share in shares]
    axes.scatter(xs, ys, s=52, color=colours, edgecolor=INK, linewidth=0.6, zorder=5)
    figure = axes.get_figure(root=True)
    if isinstance(figure, Figure):
        bar = figure.colorbar(scale, ax=axes, pad=0.03, fraction=0.06, aspect=18)
        bar.outline.set_visible(False)
        bar.set_label(label, color=MUTED, fontsize=8.5)
        bar.ax.tick_params(labelsize=8, length=0, labelcolor=MUTED)


def _draw_curves(axes: Axes, record: SweepRecord, measure: Measure) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    curves = [Curve(line.name, [line.value(point) for point in record.points], line.colour) for line in measure.lines]
    if measure.band:
        axes.axhspan(0, 1, color=BAND, zorder=0, linewidth=0)
    draw_curves(axes, [point.value for point in record.points], curves, measure.notation)
    summaries = [one for curve in curves for one in curve.summaries]
    if measure.band:
        ends = [end for one in summaries for end in drawn_ends(one)]
        axes.set_ylim(min([-0.1, *(1.1 * end for end in ends)]), max([1.1, *(1.1 * end for end in ends)]))
    positive = [value for one in summaries for value in one.values if not math.isnan(value)]
    # a logarithmic axis of less than a decade has one number on it
    if measure.logarithmic and positive and 0 < 10 * min(positive) < max(positive):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(short_power))
        axes.yaxis.set_minor_formatter(NullFormatter())
    elif measure.notation == "percent":
        within_whole(axes, summaries)
    _finish(axes, record)
    if len(curves) > 1:
        draw_legend(axes, [(curve.name, curve.colour) for curve in curves], 0.46 if record.scale == "number" else 0.6)


def _finish(axes: Axes, record: SweepRecord) -> None:
    """The axis of values, and a mark at the one that the presets take."""
    names, label = [point.label for point in record.points], record.axis
    if record.scale == "weights":
        names = [f"{point.label}\n{short_count(point.value)}" for point in record.points]
        label = "maskable weights"
    elif record.scale == "number":
        names = [short_power(point.value, None) for point in record.points]
    values = [point.value for point in record.points]
    # values so close together are read better side by side than as powers
    close = record.scale == "number" and max(values) < _DECADE * min(values)
    name_values(axes, values, names, label, logarithmic=not close)
    for point in record.points:
        if point.label == record.chosen:
            axes.axvline(point.value, color=INK, linewidth=1, linestyle=(0, (3, 3)), zorder=0.5)
    axes.tick_params(axis="y", labelcolor=MUTED)


def _draw_dots(axes: Axes, record: SweepRecord, measure: Measure) -> None:
    rows = [(point.label, [Bar(line.value(point), line.colour) for line in measure.lines]) for point in record.points]
    draw_dots(axes, rows, measure.notation, "%" if measure.notation == "percent" else "")
    draw_legend(axes, [(line.name, line.colour) for line in measure.lines if line.name])
