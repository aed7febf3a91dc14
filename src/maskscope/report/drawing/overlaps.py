"""Figures of what masks have in common: overlap between its floor and its ceiling."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from maskscope.analysis import Summary
from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import LEAST, WIDTH, colour_of, draw_legend, draw_points
from maskscope.report.drawing.grids import heat_panel
from maskscope.report.drawing.panel import BAND, INK, MUTED, Axes, Panel, mark_of
from maskscope.report.numbers import UNDEFINED, brief, mean_text
from maskscope.report.over_networks import (
    few_pairs,
    function_pairs,
    layer_names,
    networks,
    overlap,
    overlap_floor,
    paired_names,
    short_names,
    whole_procedures,
)
from maskscope.report.scale import scales, sharing_pairs


def sharing_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Normalised sharing on its scale from floor (0) to ceiling (1), of every pair of functions."""
    pairs = sharing_pairs(record)
    rows = [
        (_scale_label(pair if len(pairs) > 1 else (), scale.weights, variant), scale.normalised)
        for pair in (pairs if few_pairs(record) else ())
        for variant in whole_procedures(record)
        for scale in scales(record, pair, variant)
    ]
    if not rows:
        return []
    return [Panel("sharing", "Normalised sharing", (WIDTH, 1.25 + 0.36 * len(rows)), partial(draw_scale, rows=rows), LEAST)]


def overlap_panels(record: MaskRecord[Any], variant: str = "trained") -> list[Panel]:
    """Overlap by tensor, for each pair of different functions, between its floor and its ceiling."""
    between = [pair for pair in function_pairs(record) if pair[0] != pair[1]]
    if not networks(record, variant=variant):
        return []
    if not few_pairs(record):
        return [_overlap_matrix(record)]
    places = [*layer_names(record), None]
    size = (WIDTH, 1.15 + 0.42 * len(places))
    start = "overlap" if variant == "trained" else f"overlap-{variant}"
    return [
        Panel(
            f"{start}-{place}",
            f"Overlap of {brief(pair[0], 14)} and {brief(pair[1], 14)}" + ("" if variant == "trained" else ", copied I/O"),
            size,
            partial(_draw_overlap, record=record, pair=pair, variant=variant),
            LEAST,
        )
        for place, pair in enumerate(between)
    ]


def draw_scale(axes: Axes, rows: Sequence[tuple[str, Summary]]) -> None:
    """Numbers over networks on a scale from floor (0) to ceiling (1)."""
    ends = [value for _, summary in rows for value in summary.values if not math.isnan(value)]
    low, high = min([-0.15, *(end - 0.1 for end in ends)]), max([1.15, *(end + 0.1 for end in ends)])
    axes.axvspan(0, 1, color=BAND, zorder=0, linewidth=0)
    for place, name in ((0, "0: chance"), (1, "1: two\nmasks for one\nfunction")):
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


def _draw_overlap(axes: Axes, record: MaskRecord[Any], pair: tuple[str, str], variant: str) -> None:
    places: list[str | None] = [*layer_names(record), None]
    for y, place in enumerate(places):
        found = overlap(record, pair, place, "dice", variant=variant)
        floor = overlap_floor(record, pair, place, "dice", variant=variant)
        ceilings = [(name, overlap(record, (name, name), place, "dice", variant=variant)) for name in pair]
        tops = [summary.mean for _, summary in ceilings if summary.n]
        if tops and floor.n:
            axes.barh(y, max(tops) - floor.mean, left=floor.mean, height=0.5, color=BAND, linewidth=0)
        if floor.n:
            axes.plot([floor.mean] * 2, [y - 0.25, y + 0.25], color=MUTED, linewidth=1.6, zorder=2)
        for name, summary in ceilings:
            if summary.n:
                colour = colour_of(name, record.masks)
                axes.plot([summary.mean] * 2, [y - 0.25, y + 0.25], color=colour, linewidth=2.2, zorder=2)
                axes.scatter([summary.mean], [y - 0.27], s=18, marker=mark_of(colour), color=colour, linewidth=0, zorder=3)
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
    axes.set_xlabel("Dice (0: nothing in common, 1: the same weights)")
    ceiling = [
        (f"ceiling {name}", colour_of(name, record.masks))
        for name in pair
        if overlap(record, (name, name), None, "dice", variant=variant).n
    ]
    draw_legend(axes, [("found", INK), ("floor", MUTED), *ceiling])


def _scale_label(pair: tuple[str, ...], weights: str, variant: str) -> str:
    """The weights, after the pair of functions where there are several."""
    first = ", ".join(brief(name, 12) for name in pair)
    copied = "" if variant == "trained" else "copied I/O"
    lines = [f"{first}," if first else "", ", ".join(one for one in (weights, copied) if one)]
    return "\n".join(line for line in lines if line)


def _overlap_matrix(record: MaskRecord[Any]) -> Panel:
    functions = paired_names(record)
    rows = [(a, [overlap(record, (a, b), None, "dice") for b in functions]) for a in functions]
    title = "Dice of whole masks; diagonal: two masks for one function"
    return heat_panel("overlap-matrix", title, rows, functions, cell=(0.55, 0.36), notation="ratio")
