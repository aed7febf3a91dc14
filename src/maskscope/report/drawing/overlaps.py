"""Figures of the masks themselves: overlap between floor and ceiling, weights kept, keep probabilities."""

import math
from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from maskscope.analysis import Summary
from maskscope.experiments.record import Record
from maskscope.report.across import (
    Measure,
    few,
    few_pairs,
    function_pairs,
    histogram,
    kept_share,
    mask_label,
    mask_names,
    mask_title,
    overlap,
    overlap_floor,
    short_names,
    tensor_names,
)
from maskscope.report.drawing.canvas import BAND, INK, MUTED, Panel
from maskscope.report.drawing.charts import (
    WIDTH,
    Bar,
    bars_height,
    colour_of,
    draw_bars,
    draw_heat,
    draw_legend,
    draw_points,
    heat_size,
)
from maskscope.report.numbers import UNDEFINED, brief, mean_text

_BINS = 50
_MEASURES: tuple[tuple[Measure, str], ...] = (("dice", "Dice"), ("iou", "IoU"), ("iomin", "IoMin"))


def sharing_panels(record: Record) -> list[Panel]:
    """Normalised sharing on its scale from floor (0) to ceiling (1)."""
    names = {
        "normalised sharing": "floor over all\nmaskable weights",
        "normalised sharing among used": "floor over the\nweights in use",
    }
    rows = [(names[one.measure], one.summary) for one in record.quantities if one.measure in names and one.variant == "trained"]
    return [Panel("sharing", "Normalised sharing", (WIDTH, 2.0), partial(_draw_scale, rows=rows))] if rows else []


def overlap_panels(record: Record) -> list[Panel]:
    """Overlap by tensor, for each pair of different functions, between its floor and its ceiling."""
    between = [pair for pair in function_pairs(record) if pair[0] != pair[1]]
    if not few_pairs(record):
        return [_overlap_matrix(record)]
    places = [*tensor_names(record), None]
    measures = _MEASURES if len(between) == 1 else _MEASURES[:1]
    size = (WIDTH, 1.15 + 0.42 * len(places))
    return [
        Panel(
            f"overlap-{place}-{measure}",
            f"{label}: {brief(pair[0], 14)} and {brief(pair[1], 14)}",
            size,
            partial(_draw_overlap, record=record, pair=pair, measure=measure),
        )
        for place, pair in enumerate(between)
        for measure, label in measures
    ]


def weights_panels(record: Record) -> list[Panel]:
    """Share of weights kept by each mask, by tensor."""
    masks = mask_names(record)
    places: list[str | None] = [*tensor_names(record), None]
    shares = [
        (name, [kept_share(record, mask, place) for mask in masks])
        for name, place in zip(short_names(places), places, strict=True)
    ]
    labels = [mask_label(mask) for mask in masks]
    if not masks:
        return []
    if not few(record.functions):
        values = [[share.mean for share in row] for _, row in shares]
        size = heat_size([place for place, _ in shares], masks, (0.55, 0.32))
        draw = partial(draw_heat, rows=[place for place, _ in shares], columns=masks, values=values, unit="percent")
        return [Panel("weights", "Share of weights kept (%)", size, draw)]
    colours = [colour_of(mask, record.functions) for mask in masks]
    rows = [(place, [Bar(share, colour) for share, colour in zip(row, colours, strict=True)]) for place, row in shares]
    size = (WIDTH, bars_height(len(rows), len(masks)) + 0.25)
    legend = list(zip(labels, colours, strict=True))
    return [Panel("weights", "Share of weights kept, by tensor", size, partial(_draw_weights, rows=rows, legend=legend))]


def histogram_panels(record: Record) -> list[Panel]:
    """Weights by keep probability, for each mask."""
    panels = []
    for place, mask in enumerate(mask_names(record)):
        counts = _coarse(histogram(record, mask))
        if counts:
            found = record.quantity("undecided", mask)
            note = mean_text(found.summary, "percent") if found else ""
            draw = partial(_draw_histogram, counts=counts, colour=colour_of(mask, record.functions), undecided=note)
            panels.append(Panel(f"histogram-{place}", mask_title(mask), (3.2, 2.3), draw))
    return panels


def _draw_scale(axes: Axes, rows: Sequence[tuple[str, Summary]]) -> None:
    ends = [value for _, summary in rows for value in summary.values if not math.isnan(value)]
    low, high = min([-0.15, *(end - 0.1 for end in ends)]), max([1.15, *(end + 0.1 for end in ends)])
    axes.axvspan(0, 1, color=BAND, zorder=0, linewidth=0)
    for place, name in ((0, "0: what density\nalone gives"), (1, "1: two masks for\none function")):
        axes.axvline(place, color=MUTED, linewidth=1, zorder=1)
        axes.annotate(
            name,
            (place, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -18),
            textcoords="offset points",
            ha="center",
            va="top",
            color=MUTED,
            fontsize=8,
        )
    for y, (_, summary) in enumerate(rows):
        if summary.n == 0:
            axes.text(0.5, y, UNDEFINED, ha="center", va="center", style="italic", color=MUTED)
            continue
        draw_points(axes, float(y), summary, INK, 1.0, size=26.0)
        axes.plot([summary.mean] * 2, [y - 0.22, y + 0.22], color=INK, linewidth=2.4, zorder=5, solid_capstyle="butt")
        axes.text(1.025, y, mean_text(summary, "ratio"), transform=axes.get_yaxis_transform(), va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.set_xlim(low, high)
    axes.set_ylim(len(rows) - 0.5, -0.5)


def _draw_overlap(axes: Axes, record: Record, pair: tuple[str, str], measure: Measure) -> None:
    places: list[str | None] = [*tensor_names(record), None]
    for y, place in enumerate(places):
        found, floor = overlap(record, pair, place, measure), overlap_floor(record, pair, place, measure)
        ceilings = [(name, overlap(record, (name, name), place, measure)) for name in pair]
        tops = [summary.mean for _, summary in ceilings if summary.n]
        if tops and floor.n:
            axes.barh(y, max(tops) - floor.mean, left=floor.mean, height=0.5, color=BAND, linewidth=0)
        if floor.n:
            axes.plot([floor.mean] * 2, [y - 0.25, y + 0.25], color=MUTED, linewidth=1.6, zorder=2)
        for name, summary in ceilings:
            if summary.n:
                axes.plot(
                    [summary.mean] * 2, [y - 0.25, y + 0.25], color=colour_of(name, record.functions), linewidth=2.2, zorder=2
                )
        if found.n == 0:
            axes.text(0.02, y, UNDEFINED, va="center", style="italic", color=MUTED, fontsize=8)
            continue
        draw_points(axes, float(y), found, INK, 1.0, size=20.0)
        axes.text(1.025, y, mean_text(found, "ratio"), transform=axes.get_yaxis_transform(), va="center", fontsize=8.5)
    axes.axhline(len(places) - 1.5, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.set_yticks(range(len(places)), short_names(places))
    axes.set_xlim(0, 1)
    axes.set_ylim(len(places) - 0.45, -0.55)
    axes.grid(axis="x")
    axes.set_xlabel("overlap (0: none, 1: the same weights)")
    ceiling = [
        (f"ceiling {name}", colour_of(name, record.functions)) for name in pair if overlap(record, (name, name), None, measure).n
    ]
    draw_legend(axes, [("found", INK), ("floor", MUTED), *ceiling])


def _overlap_matrix(record: Record) -> Panel:
    functions = record.functions
    values = [[overlap(record, (a, b), None, "dice").mean for b in functions] for a in functions]
    size = heat_size(functions, functions, (0.55, 0.36))
    draw = partial(draw_heat, rows=functions, columns=functions, values=values, unit="ratio")
    return Panel("overlap-matrix", "Dice of whole masks; diagonal: two masks for one function", size, draw)


def _draw_weights(axes: Axes, rows: Sequence[tuple[str, Sequence[Bar]]], legend: Sequence[tuple[str, str]]) -> None:
    draw_bars(axes, rows, unit="percent", label="weights kept (% of the tensor's weights)", whole=False)
    draw_legend(axes, legend)


def _draw_histogram(axes: Axes, counts: Sequence[float], colour: str, undecided: str) -> None:
    edges = [place / len(counts) for place in range(len(counts) + 1)]
    top = 10 ** math.ceil(math.log10(max([*counts, 1])) + 0.4)
    axes.set_yscale("log")
    axes.axvspan(0.05, 0.95, color=BAND, linewidth=0, zorder=0)
    axes.stairs([max(count, 0.1) for count in counts], edges, fill=True, color=colour, baseline=0.1, alpha=0.85, linewidth=0)
    axes.text(
        0.5, 0.97, f"undecided: {undecided}" if undecided else "", transform=axes.transAxes, ha="center", va="top", fontsize=9
    )
    axes.set_ylim(0.5, top)
    axes.yaxis.set_major_formatter(FuncFormatter(_short_count))
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_xlabel("keep probability")
    axes.set_ylabel("weights")
    axes.tick_params(axis="y", labelcolor=MUTED, which="both", left=False)


def _short_count(value: float, _: object) -> str:
    thousands, millions = value / 1e3, value / 1e6
    return f"{millions:g} M" if millions >= 1 else f"{thousands:g} k" if thousands >= 1 else f"{value:g}"


def _coarse(counts: Sequence[float]) -> list[float]:
    """Adjacent bins added up, so that a bar is wide enough to be seen."""
    step = max(1, len(counts) // _BINS)
    return [sum(counts[place : place + step]) for place in range(0, len(counts), step)]
