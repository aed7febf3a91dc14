"""Figures of class removal: whose images are taken for what, what is lost, what each class owns by layer, and gradients."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from maskscope.analysis import Summary
from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import (
    LEAST,
    PICTURE_WIDTH,
    WIDTH,
    Bar,
    bars_height,
    draw_bars,
    draw_legend,
    heat_size,
    name_cells,
)
from maskscope.report.drawing.curves import Curve, draw_curves
from maskscope.report.drawing.floored_bars import Row, floored_bars
from maskscope.report.drawing.grids import heat_panel, highest
from maskscope.report.drawing.panel import FUNCTION_COLOURS, HEAT, INK, MUTED, WHOLE_COLOUR, Axes, Panel
from maskscope.report.numbers import brief, summary_of
from maskscope.report.over_networks import (
    WHOLE,
    confusion,
    few_pairs,
    function_pairs,
    layer_names,
    overlap,
    paired_names,
    short_names,
)
from maskscope.studies.class_removal.values import (
    accuracy_of_others,
    confusion_difference,
    cosine,
    cosine_steps,
    floor_in_use,
    owned_share,
    removed,
)

# inches; three matrices of ten classes beside each other
_CELL = (0.22, 0.21)
LESS, MORE = FUNCTION_COLOURS[1], HEAT


def class_confusion_panels(record: MaskRecord[Any]) -> list[Panel]:
    """The confusion matrix under the full mask, and how it differs under each mask that was found without a class.

    Source: the paper's figure of the control's confusion matrix and ten differences. One scale for all differences.
    """
    full = _means(confusion(record, WHOLE, inverse=False))
    if not full:
        return []
    differences = [(function, _means(confusion_difference(record, mask))) for function, mask in removed(record)]
    most = max((abs(value) for _, lines in differences for line in lines for value in line if not math.isnan(value)), default=1.0)
    size = heat_size(record.functions, record.functions, _CELL)
    panels = [Panel("class-confusion-full", "Full mask (%)", size, partial(_draw_matrix, names=record.functions, values=full))]
    for place, (function, values) in enumerate(differences):
        draw = partial(_draw_matrix, names=record.functions, values=values, most=most or 1.0)
        panels.append(Panel(f"class-confusion-{place}", f"Without {brief(function, 18)}, minus full", size, draw))
    return panels


def picture_panels(record: MaskRecord[Any]) -> list[Panel]:
    """What falls and what stays: accuracy of a class under the mask found without it, and that of the others."""
    rows = []
    for function, mask in removed(record):
        own = summary_of(record.quantity("sufficiency", mask, function))
        before = summary_of(record.quantity("sufficiency", WHOLE, function))
        rest, rest_before = (accuracy_of_others(record, function, one) for one in (mask, WHOLE))
        rows.append((f"without {function}", [Bar(own, LESS, before), Bar(rest, FUNCTION_COLOURS[0], rest_before)]))
    if not rows:
        return []
    legend = [("the class itself", LESS), ("all others, mean", FUNCTION_COLOURS[0]), ("full mask", MUTED)]
    size = (PICTURE_WIDTH, bars_height(len(rows), 2) + 0.25)
    draw = partial(_draw_shares, rows=rows, legend=legend)
    falls = Panel("picture-falls", "What falls, and what stays", size, draw, LEAST)
    asked = {"what it owns": "target drop without what it owns", "random weights": "target drop without random weights"}
    title = "What a class loses without …"
    return [falls, _class_bars(record, "picture-owned", title, asked, "accuracy lost (% of the class's)", PICTURE_WIDTH)]


def drop_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Relative drop of the removed class beside the others' mean; and the largest other drop as a share of the target's.

    Source: the paper's two bar plots of drops per class; the mean of the others is from the authors' printed statistics.
    """
    asked = {"removed class": "target drop", "others, mean": "mean drop of others"}
    largest = {"": "largest other over target"}
    return [
        _class_bars(record, "class-drop", "Accuracy lost without the class", asked, "relative drop (% of its accuracy)"),
        _class_bars(record, "class-largest", "Largest other / target", largest, "% of the target's drop"),
    ]


def owned_removal_panels(record: MaskRecord[Any]) -> list[Panel]:
    """The class's drop without what it owns, and without as many random weights of the full mask."""
    asked = {"what it owns": "target drop without what it owns", "random weights": "target drop without random weights"}
    return [_class_bars(record, "owned-removal", "Full mask without …", asked, "relative drop of the class (%)")]


def layer_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Share of each tensor of the full mask that each class owns."""
    classes, places = [function for function, _ in removed(record)], [*layer_names(record), None]
    if not classes:
        return []
    shares = [[owned_share(record, function, place) for function in classes] for place in places]
    rows = list(zip(short_names(places), shares, strict=True))
    return [heat_panel("class-layers", "Owned, of the full mask's weights (%)", rows, classes, darkest=highest(rows))]


def owned_overlap_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Dice of what two classes own: bars with floors inside the full mask, or a matrix if there are many pairs."""
    pairs = sorted(function_pairs(record), key=lambda pair: pair[0] == pair[1])
    if not pairs:
        return []
    if few_pairs(record):
        rows: list[Row] = [
            (
                f"{a}, repeated" if a == b else f"{a}, {b}",
                overlap(record, (a, b), None, "dice"),
                floor_in_use(record, (a, b), "dice"),
                WHOLE_COLOUR if a == b else FUNCTION_COLOURS[0],
            )
            for a, b in pairs
        ]
        legend = [("two classes", FUNCTION_COLOURS[0])]
        legend += [("repeats of one", WHOLE_COLOUR)] if any(a == b for a, b in pairs) else []
        return [floored_bars("owned-overlap", "Dice of what classes own", rows, "Dice", legend)]
    names = paired_names(record)
    grid = [(a, [overlap(record, (a, b), None, "dice") if a != b or (a, a) in pairs else None for b in names]) for a in names]
    return [heat_panel("owned-overlap", "Dice of what two classes own", grid, names, notation="ratio", darkest=highest(grid))]


def cosine_panels(record: MaskRecord[Any]) -> list[Panel]:
    """The cosine of masked and unmasked gradients against the number of masked layers, over all tensors."""
    steps = cosine_steps(record)
    if not steps:
        return []
    curve = Curve("all tensors", [cosine(record, step, None) for step in range(len(steps))], INK)
    return [Panel("gradient-cosine", "Cosine to the unmasked gradient", (4.2, 2.9), partial(_draw_cosine, curve=curve), LEAST)]


def _draw_shares(axes: Axes, rows: Sequence[tuple[str, Sequence[Bar]]], legend: Sequence[tuple[str, str]]) -> None:
    draw_bars(axes, rows, notation="percent", label="accuracy (%)", whole=True)
    draw_legend(axes, legend)


def _class_bars(record: MaskRecord[Any], name: str, title: str, asked: dict[str, str], label: str, width: float = WIDTH) -> Panel:
    colours = dict(zip(asked.values(), (FUNCTION_COLOURS[0], WHOLE_COLOUR), strict=False))
    rows = []
    for function, mask in removed(record):
        rows.append((function, [Bar(summary_of(record.quantity(one, mask)), colours[one]) for one in asked.values()]))
    legend = [(words, colours[measure]) for words, measure in asked.items() if words]
    size = (width, bars_height(len(rows), len(asked)) + (0.25 if legend else 0.0))
    return Panel(name, title, size, partial(_draw_class_bars, rows=rows, label=label, legend=legend), LEAST)


def _draw_class_bars(
    axes: Axes, rows: Sequence[tuple[str, Sequence[Bar]]], label: str, legend: Sequence[tuple[str, str]]
) -> None:
    draw_bars(axes, rows, notation="percent", label=label, whole=False)
    # an interval of a few networks may be wider than any number: the axis is for the numbers
    values = [100 * one for _, bars in rows for bar in bars if bar.summary for one in bar.summary.values if not math.isnan(one)]
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, 1.4 * min([0.0, *values]) - 5), min(high, max(1.4 * max([0.0, *values]), 0.1)))
    draw_legend(axes, legend)


def _draw_matrix(axes: Axes, names: Sequence[str], values: Sequence[Sequence[float]], most: float | None = None) -> None:
    """A cell for each true class and answer; with ``most``, of differences, its colours lie on both sides of 0."""
    from matplotlib.colors import to_rgba

    depths = [[0.0 if math.isnan(value) else max(-1.0, min(1.0, value / (most or 1.0))) for value in line] for line in values]
    cells = np.array([[to_rgba(LESS if depth < 0 else MORE, abs(depth)) for depth in line] for line in depths])
    # cells as an image: a hundred rectangles each would make the page heavy
    axes.imshow(cells, extent=(0, len(names), len(names), 0), aspect="auto", interpolation="none")
    for y, line in enumerate(values):
        for x, value in enumerate(line):
            if abs(value) >= 0.005:
                ink = "#ffffff" if abs(depths[y][x]) > 0.6 else INK
                text = f"{100 * value:.0f}".replace("-", "−")
                axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=7, color=ink)
    name_cells(axes, names, names)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(MUTED)
    axes.spines[:].set_linewidth(0.6)
    axes.tick_params(labelsize=8)


def _draw_cosine(axes: Axes, curve: Curve) -> None:
    steps = [float(step) for step in range(len(curve.summaries))]
    draw_curves(axes, steps, [curve], "ratio")
    axes.set_xticks(steps, [f"{step:g}" for step in steps])
    axes.set_ylim(min([0.0, *(one.mean - 0.1 for one in curve.summaries if one.n)]), 1.05)
    axes.set_xlabel("layers the mask is on, from the output down")
    axes.tick_params(axis="y", labelcolor=MUTED)


def _means(found: dict[str, dict[str, Summary]]) -> list[list[float]]:
    return [[one.mean for one in answers.values()] for answers in found.values()]
