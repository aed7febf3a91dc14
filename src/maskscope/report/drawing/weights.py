"""Figures of single masks: weights kept by tensor, and keep probabilities."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import colour_of
from maskscope.report.drawing.grids import bar_panel, heat_panel
from maskscope.report.drawing.panel import BAND, MUTED, Axes, Panel
from maskscope.report.numbers import mean_text, short_count, summary_of
from maskscope.report.over_networks import (
    below_and_above,
    few,
    histogram,
    kept_share,
    layer_names,
    mask_label,
    mask_names,
    mask_title,
    short_names,
)

_BINS = 50


def weights_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Share of weights kept by each mask, by tensor."""
    masks = mask_names(record)
    places: list[str | None] = [*layer_names(record), None]
    if not masks:
        return []
    rows = [
        (name, [kept_share(record, mask, place) for mask in masks])
        for name, place in zip(short_names(places), places, strict=True)
    ]
    if not few(record.masks):
        return [heat_panel("weights", "Share of weights kept (%)", rows, masks)]
    lanes = [(mask_label(mask), colour_of(mask, record.masks)) for mask in masks]
    label = "weights kept (% of the tensor's weights)"
    return [bar_panel("weights", "Share of weights kept, by tensor", rows, lanes, label, whole=False)]


def histogram_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Weights by keep probability, for each mask.

    The paper draws it twice, as it is from 2e-4 on, and all of it on a logarithmic scale; the second holds the first.
    """
    panels = []
    for place, mask in enumerate(mask_names(record)):
        counts = _coarse(histogram(record, mask))
        if counts:
            below, above = below_and_above(record, mask)
            undecided = summary_of(record.quantity("undecided", mask))
            shares = [mean_text(one, "percent") if one else "" for one in (below, undecided, above)]
            draw = partial(_draw_histogram, counts=counts, colour=colour_of(mask, record.masks), shares=shares)
            panels.append(Panel(f"histogram-{place}", mask_title(mask), (3.2, 2.4), draw, 0.75))
    return panels


def _draw_histogram(axes: Axes, counts: Sequence[float], colour: str, shares: Sequence[str]) -> None:
    from matplotlib.ticker import FuncFormatter

    edges = [place / len(counts) for place in range(len(counts) + 1)]
    # room above the bars for the shares
    top = 10 ** math.ceil(math.log10(max([*counts, 1])) + 1.3)
    axes.set_yscale("log")
    axes.axvspan(0.05, 0.95, color=BAND, linewidth=0, zorder=0)
    axes.stairs([max(count, 0.1) for count in counts], edges, fill=True, color=colour, baseline=0.1, alpha=0.85, linewidth=0)
    names = ("< .05", "undecided", "> .95")
    for x, side, name, share in zip((0.07, 0.5, 0.93), ("left", "center", "right"), names, shares, strict=True):
        axes.text(x, 0.97, f"{name}\n{share}", transform=axes.transAxes, ha=side, va="top", fontsize=8, linespacing=1.35)
    axes.set_ylim(0.5, top)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_xlabel("keep probability")
    axes.set_ylabel("weights")
    axes.tick_params(axis="y", labelcolor=MUTED, which="both", left=False)


def _coarse(counts: Sequence[float]) -> list[float]:
    """Adjacent bins added up, so that a bar is wide enough to be seen."""
    step = max(1, len(counts) // _BINS)
    return [sum(counts[place : place + step]) for place in range(0, len(counts), step)]
