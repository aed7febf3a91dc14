"""Figures of sweeps: against the penalty, against the size of the network, and for each estimator."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from maskscope.analysis import Summary
from maskscope.experiments.sweep import SweepPoint, SweepRecord
from maskscope.report.across import WHOLE, mask_label
from maskscope.report.drawing.canvas import BAND, INK, MUTED, Panel
from maskscope.report.drawing.charts import WIDTH, Bar, colour_of, draw_legend
from maskscope.report.drawing.curves import Curve, draw_curves, draw_dots, draw_upright, name_values, short_power
from maskscope.report.numbers import Unit, short_count
from maskscope.report.sweep_numbers import dice, full_mask_accuracy, of_mask, shared_share, sharing, sweep_pair

_SIZE = (WIDTH, 2.9)
_LEVELS = 8


def sweep_panels(record: SweepRecord) -> dict[str, list[Panel]]:
    """The figure of a sweep, by its name; none without a point."""
    draw = {"penalty": _penalty_panels, "size": _size_panels, "estimator": _estimator_panels}
    if not record.points or record.sweep not in draw:
        return {}
    return {record.sweep: draw[record.sweep](record)}


def _penalty_panels(record: SweepRecord) -> list[Panel]:
    panels = [Panel("penalty-accuracy", "Accuracy with the full mask (%)", _SIZE, partial(_draw_accuracy, record=record))]
    for measure, title in (("density", "Weights kept (%)"), ("undecided", "Undecided logits (%)")):
        curves = _mask_curves(record, measure)
        draw = partial(_draw_curves, record=record, curves=curves, unit="percent", logarithmic=measure == "density")
        panels.append(Panel(f"penalty-{measure}", title, _SIZE, draw))
    pair = sweep_pair(record)
    if pair is not None:
        overlap = Curve("Dice", [dice(point, *pair) for point in record.points], INK)
        shared = Curve(f"of {pair[0]}'s mask", [shared_share(point, *pair) for point in record.points], MUTED)
        draw = partial(_draw_curves, record=record, curves=[overlap, shared], unit="ratio")
        panels.append(Panel("penalty-overlap", f"Overlap of {pair[0]} and {pair[1]}", _SIZE, draw))
    return panels


def _size_panels(record: SweepRecord) -> list[Panel]:
    pair, points = sweep_pair(record), record.points
    accuracy = Curve("full mask", [full_mask_accuracy(point, record.functions) for point in points], INK)
    panels = []
    if pair is not None:
        shared = Curve(f"share of {pair[0]}'s mask", [shared_share(point, *pair) for point in points], INK)
        scale = Curve("normalised sharing", [sharing(point, *pair) for point in points], INK)
        title = f"{pair[0]}'s mask, shared with {pair[1]}'s (%)"
        panels = [
            Panel("size-shared", title, _SIZE, partial(_draw_curves, record=record, curves=[shared], unit="percent")),
            Panel("size-sharing", "Normalised sharing", _SIZE, partial(_draw_sharing, record=record, curve=scale)),
        ]
    kept = partial(_draw_curves, record=record, curves=_mask_curves(record, "density"), unit="percent", logarithmic=True)
    full = partial(_draw_curves, record=record, curves=[accuracy], unit="percent")
    return [
        *panels,
        Panel("size-density", "Weights kept (%)", _SIZE, kept),
        Panel("size-accuracy", "Accuracy with the full mask (%)", _SIZE, full),
    ]


def _estimator_panels(record: SweepRecord) -> list[Panel]:
    pair, functions = sweep_pair(record), record.functions

    def panel(name: str, title: str, unit: Unit, *values: tuple[str, Callable[[SweepPoint], Summary], str]) -> Panel:
        rows = [(point.label, [Bar(value(point), colour) for _, value, colour in values]) for point in record.points]
        named = [(label, colour) for label, _, colour in values if label]
        size = (WIDTH, 1.15 + 0.46 * len(rows) * max(1, 0.66 * len(values)))
        return Panel(f"estimator-{name}", title, size, partial(_draw_dots, rows=rows, unit=unit, legend=named))

    kept = [(name, _lane(of_mask, "density", name), colour_of(name, functions)) for name in functions]
    stable = [(name, _lane(dice, name, name), colour_of(name, functions)) for name in functions]
    panels = [
        panel(
            "accuracy", "Accuracy with the full mask", "percent", ("", lambda point: full_mask_accuracy(point, functions), INK)
        ),
        panel("density", "Weights kept", "percent", *kept),
        panel("undecided", "Undecided logits, full mask", "percent", ("", lambda point: of_mask(point, "undecided", WHOLE), INK)),
        panel("stability", "Stability (Dice, same function)", "ratio", *stable),
    ]
    if pair is not None:
        panels += [
            panel("dice", f"Dice of {pair[0]} and {pair[1]}", "ratio", ("", lambda point: dice(point, *pair), INK)),
            panel("sharing", "Normalised sharing", "ratio", ("", lambda point: sharing(point, *pair), INK)),
        ]
    return panels


def _lane(measure: Callable[[SweepPoint, str, str], Summary], first: str, second: str) -> Callable[[SweepPoint], Summary]:
    return lambda point: measure(point, first, second)


def _mask_curves(record: SweepRecord, measure: str) -> list[Curve]:
    return [
        Curve(mask_label(name), [of_mask(point, measure, name) for point in record.points], colour_of(name, record.functions))
        for name in (WHOLE, *record.functions)
    ]


def _draw_accuracy(axes: Axes, record: SweepRecord) -> None:
    """Accuracy against the penalty, each mean in the colour of what the two masks share."""
    found = [full_mask_accuracy(point, record.functions) for point in record.points]
    values, pair = [point.value for point in record.points], sweep_pair(record)
    shares = [100 * shared_share(point, *pair).mean if pair else math.nan for point in record.points]
    axes.plot(values, [100 * accuracy.mean for accuracy in found], color=MUTED, linewidth=1.2, zorder=1)
    for value, accuracy in zip(values, found, strict=True):
        draw_upright(axes, value, accuracy, MUTED, 100.0)
    means = [100 * accuracy.mean for accuracy in found]
    known = [share for share in shares if not math.isnan(share)]
    if known:
        _draw_coloured(axes, values, means, shares, f"{pair[0] if pair else ''}'s mask shared (%)")
    else:
        axes.scatter(values, means, s=46, color=INK, zorder=5)
    axes.grid(axis="y")
    _finish(axes, record)


def _draw_coloured(axes: Axes, xs: Sequence[float], ys: Sequence[float], shares: Sequence[float], label: str) -> None:
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


def _draw_curves(axes: Axes, record: SweepRecord, curves: Sequence[Curve], unit: Unit, *, logarithmic: bool = False) -> None:
    draw_curves(axes, [point.value for point in record.points], curves, unit)
    positive = [value for curve in curves for one in curve.summaries for value in one.values if not math.isnan(value)]
    # a logarithmic axis of less than a decade has one number on it
    if logarithmic and positive and 0 < 10 * min(positive) < max(positive):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(short_power))
        axes.yaxis.set_minor_formatter(NullFormatter())
    _finish(axes, record)
    if len(curves) > 1:
        draw_legend(axes, [(curve.name, curve.colour) for curve in curves], 0.46 if record.axis != "size" else 0.6)


def _draw_sharing(axes: Axes, record: SweepRecord, curve: Curve) -> None:
    axes.axhspan(0, 1, color=BAND, zorder=0, linewidth=0)
    draw_curves(axes, [point.value for point in record.points], [curve], "ratio")
    ends = [end for one in curve.summaries for end in (one.low, one.high, *one.values) if not math.isnan(end)]
    axes.set_ylim(min([-0.1, *(1.1 * end for end in ends)]), max([1.1, *(1.1 * end for end in ends)]))
    _finish(axes, record)


def _finish(axes: Axes, record: SweepRecord) -> None:
    """The axis of values, and a mark at the one that the presets take."""
    names = [point.label for point in record.points]
    label = record.axis
    if record.axis == "size":
        names = [f"{point.label}\n{short_count(point.value)}" for point in record.points]
        label = "maskable weights"
    name_values(axes, [point.value for point in record.points], names, label)
    for point in record.points:
        if point.label == record.chosen:
            axes.axvline(point.value, color=INK, linewidth=1, linestyle=(0, (3, 3)), zorder=0.5)
    axes.tick_params(axis="y", labelcolor=MUTED)


def _draw_dots(axes: Axes, rows: Sequence[tuple[str, Sequence[Bar]]], unit: Unit, legend: Sequence[tuple[str, str]]) -> None:
    draw_dots(axes, rows, unit, "%" if unit == "percent" else "")
    draw_legend(axes, legend)
