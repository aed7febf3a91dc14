"""Figures of networks that grow: what each task shares with earlier ones by layer, its accuracy and its density."""

import math
from collections.abc import Sequence
from functools import partial

from maskscope.analysis import Summary, summarise
from maskscope.report.drawing.charts import LEAST, PICTURE_WIDTH, draw_legend
from maskscope.report.drawing.curves import Curve, draw_curves
from maskscope.report.drawing.grids import bar_panel
from maskscope.report.drawing.panel import FUNCTION_COLOURS, MUTED, PAPER, WHOLE_COLOUR, Axes, Panel, mark_of
from maskscope.report.numbers import Notation, summary_of
from maskscope.studies.permuted_images.result import GrowthRecord
from maskscope.studies.permuted_images.tables import layer_title, layers, starts

_SIZE = (3.5, 3.1)
# more tasks than this have every second name on the axis
_MOST_NAMED = 8


def picture_panels(record: GrowthRecord) -> list[Panel]:
    """How many of the weights that later tasks keep are those of earlier tasks, beside what chance would share."""
    rows = []
    for start in starts(record):
        found = [record.quantity(measure, start) for measure in ("mean shared", "mean shared by chance")]
        if any(found):
            rows.append((start.replace("new logits", "new logits\nfrom"), list(map(summary_of, found))))
    lanes = [("found", FUNCTION_COLOURS[0]), ("by chance", WHOLE_COLOUR)]
    label = "weights of earlier tasks (% of what a later task keeps)"
    return [bar_panel("picture-shared", "Used again by later tasks", rows, lanes, label, width=PICTURE_WIDTH)] if rows else []


def shared_panels(record: GrowthRecord) -> list[Panel]:
    """The proportion of a layer's kept weights that earlier tasks use, over the tasks, with what chance would share.

    Source: the paper's figure of transfer between permuted tasks, for layers 2 to 4.
    """
    later = record.functions[1:]
    panels = []
    for tensor in layers(record) if later else ():
        shared, chance = (
            [_curve(record, start, place, measure, later, tensor) for place, start in enumerate(starts(record))]
            for measure in ("shared", "shared by chance")
        )
        title = f"{layer_title(tensor)} ({tensor})"
        draw = partial(_draw_shared, shared=shared, chance=chance, names=later)
        panels.append(Panel(f"growth-{tensor.replace('.', '-')}", title, _SIZE, draw, LEAST))
    return panels


def task_panels(record: GrowthRecord) -> list[Panel]:
    """Accuracy of each task under its own mask at the end of its stage, and the share of weights that the mask keeps."""
    asked = (("accuracy", "Accuracy under its own mask (%)"), ("density", "Weights kept (%)"))
    return [
        Panel(
            f"growth-{measure}",
            title,
            _SIZE,
            partial(
                _draw_tasks,
                curves=[
                    _curve(record, start, place, measure, record.functions, "") for place, start in enumerate(starts(record))
                ],
                names=record.functions,
            ),
            LEAST,
        )
        for measure, title in asked
    ]


def _curve(record: GrowthRecord, start: str, place: int, measure: str, functions: Sequence[str], tensor: str) -> Curve:
    found = [record.quantity(measure, f"{function}, {start}", tensor) for function in functions]
    summaries: list[Summary] = [one.summary if one else summarise([]) for one in found]
    colour = FUNCTION_COLOURS[place] if place < len(FUNCTION_COLOURS) else WHOLE_COLOUR
    return Curve(start, summaries, colour)


def _draw_shared(axes: Axes, shared: Sequence[Curve], chance: Sequence[Curve], names: Sequence[str]) -> None:
    places = list(range(len(names)))
    for curve in chance:
        means = [one.mean for one in curve.summaries]
        # above the line of what is shared, which would hide it where both are equal; of several starts, each with its mark
        mark = mark_of(curve.colour) if len(chance) > 1 else _alone(names)
        line = axes.plot(places, means, color=WHOLE_COLOUR, linewidth=1.8, linestyle=(0, (3, 2)), zorder=6, marker=mark)
        line[0].set(markersize=4, markerfacecolor=PAPER)
    _draw_over_tasks(axes, shared, names, "ratio")
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("proportion shared")


def _draw_tasks(axes: Axes, curves: Sequence[Curve], names: Sequence[str]) -> None:
    _draw_over_tasks(axes, curves, names, "percent")
    values = [100 * one for curve in curves for summary in curve.summaries for one in summary.values if not math.isnan(one)]
    if values:
        room = max(0.12 * (max(values) - min(values)), 0.5)
        axes.set_ylim(max(0.0, min(values) - room), min(100.0 + room / 2, max(values) + room))


def _draw_over_tasks(axes: Axes, curves: Sequence[Curve], names: Sequence[str], notation: Notation) -> None:
    # beside each other, so that intervals of different starts do not hide one another
    for lane, curve in enumerate(curves):
        shift = 0.09 * (lane - (len(curves) - 1) / 2)
        draw_curves(axes, [place + shift for place in range(len(names))], [curve], notation)
    step = 1 if len(names) <= _MOST_NAMED else 2
    axes.set_xticks(range(0, len(names), step), names[::step])
    axes.set_xlim(-0.4, len(names) - 0.6)
    axes.set_xlabel("task")
    axes.tick_params(axis="y", labelcolor=MUTED)
    if len(curves) > 1:
        draw_legend(axes, [(curve.name.removeprefix("new "), curve.colour) for curve in curves])


def _alone(names: Sequence[str]) -> str:
    """A line of one point is none: it gets a mark."""
    return "_" if len(names) == 1 else ""
