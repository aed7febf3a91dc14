"""Figures of scores: accuracy under masks and their inverses, confusion, the half-mask test, controls."""

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes

from maskscope.experiments.record import Record
from maskscope.experiments.stages import Variant
from maskscope.report.across import WHOLE, confusion, few, has_untrained, mask_label, mask_names, mask_title
from maskscope.report.drawing.canvas import WHOLE_COLOUR, Panel
from maskscope.report.drawing.charts import WIDTH, Bar, bars_height, colour_of, draw_bars, draw_heat, draw_legend, heat_size

# row label, measure, mask, variant
Asked = tuple[str, str, str, Variant]


def accuracy_panels(record: Record) -> list[Panel]:
    """Accuracy on each function under each mask, and under each inverse."""
    masks = mask_names(record)
    under: list[Asked] = [("whole network", "accuracy", "", "trained")]
    under += [(mask_label(mask), "sufficiency", mask, "trained") for mask in masks]
    inverse: list[Asked] = [(mask_label(mask), "necessity", mask, "trained") for mask in masks]
    return [
        _score_panel(record, "accuracy-under", "Only these weights kept", under),
        _score_panel(record, "accuracy-inverse", "Only these weights removed", inverse),
    ]


def control_panels(record: Record) -> list[Panel]:
    """Each function under its own mask beside what the controls keep of it."""
    functions = [name for name in mask_names(record) if name != WHOLE]
    if not functions:
        return []
    kept: list[tuple[str, str, Variant]] = [
        ("its own mask", "sufficiency", "trained"),
        ("top |w × grad|", "top weights", "trained"),
    ]
    kept += [("its mask, untrained", "sufficiency", "untrained")] if has_untrained(record) else []
    left: list[tuple[str, str, Variant]] = [
        ("mask's weights", "necessity", "trained"),
        ("random weights", "random removal", "trained"),
    ]
    return [
        _own_panel(record, "controls-kept", "Own function, keeping only …", kept, functions),
        _own_panel(record, "controls-removed", "Own function, removing …", left, functions),
    ]


def half_mask_panels(record: Record) -> list[Panel]:
    """Accuracy over all functions with the full mask on all tensors, on the early and on the late ones."""
    names = {"full": "all tensors", "early": "early tensors only", "late": "late tensors only"}
    found = [(label, record.quantity("half-mask accuracy", name)) for name, label in names.items()]
    rows = [(label, [Bar(quantity.summary, WHOLE_COLOUR)]) for label, quantity in found if quantity]
    if not rows:
        return []
    draw = partial(draw_bars, rows=rows, unit="percent", label="accuracy over all functions (%)", whole=True)
    return [Panel("half-mask", "Full mask applied to …", (WIDTH, bars_height(len(rows), 1)), draw)]


def confusion_panels(record: Record) -> list[Panel]:
    """Whose answer was given: without a mask, under each mask, under each inverse."""
    masks = mask_names(record)
    asked: list[tuple[str, str, str | None, bool]] = [("confusion-unmasked", "No mask", None, False)]
    # with many functions, what each mask keeps is in the accuracy figure already
    kept = masks if few(record.functions) else [mask for mask in masks if mask == WHOLE]
    asked += [(f"confusion-{place}", mask_title(mask), mask, False) for place, mask in enumerate(kept)]
    asked += [(f"confusion-without-{place}", mask_title(mask, without=True), mask, True) for place, mask in enumerate(masks)]
    panels = []
    for name, title, mask, inverse in asked:
        shares = confusion(record, mask, inverse=inverse)
        if shares:
            answers = list(next(iter(shares.values())))
            values = [[shares[true][answer].mean for answer in answers] for true in shares]
            cell = (0.52, 0.38) if few(record.functions) else (0.39, 0.3)
            size = heat_size(list(shares), answers, cell)
            panels.append(Panel(name, title, size, partial(_draw_confusion, rows=list(shares), columns=answers, values=values)))
    return panels


def _draw_confusion(axes: Axes, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]]) -> None:
    draw_heat(axes, rows, columns, values, "percent")
    axes.set_xlabel("answer (%)")
    axes.set_ylabel("asked for")


def _score_panel(record: Record, name: str, title: str, asked: Sequence[Asked]) -> Panel:
    functions = record.functions
    found = [
        (label, [record.quantity(measure, mask, function, variant=variant) for function in functions])
        for label, measure, mask, variant in asked
    ]
    if few(functions):
        rows = [
            (
                label,
                [
                    Bar(one.summary if one else None, colour_of(function, functions))
                    for one, function in zip(row, functions, strict=True)
                ],
            )
            for label, row in found
        ]
        size = (WIDTH, bars_height(len(rows), len(functions)) + 0.25)
        legend = [(f"on {function}", colour_of(function, functions)) for function in functions]
        return Panel(name, title, size, partial(_draw_scores, rows=rows, legend=legend))
    values = [[one.summary.mean if one else float("nan") for one in row] for _, row in found]
    labels = [label for label, _ in found]
    size = heat_size(labels, functions, (0.55, 0.32))
    return Panel(name, f"{title} (%)", size, partial(draw_heat, rows=labels, columns=functions, values=values, unit="percent"))


def _own_panel(
    record: Record, name: str, title: str, asked: Sequence[tuple[str, str, Variant]], functions: Sequence[str]
) -> Panel:
    rows = []
    for label, measure, variant in asked:
        found = [record.quantity(measure, function, function, variant=variant) for function in functions]
        colours = [colour_of(function, record.functions) for function in functions]
        rows.append((label, [Bar(one.summary if one else None, colour) for one, colour in zip(found, colours, strict=True)]))
    if not few(record.functions):
        values = [[bar.summary.mean if bar.summary else float("nan") for bar in bars] for _, bars in rows]
        labels = [label for label, _ in rows]
        size = heat_size(labels, functions, (0.55, 0.32))
        return Panel(
            name, f"{title} (%)", size, partial(draw_heat, rows=labels, columns=functions, values=values, unit="percent")
        )
    legend = [(function, colour_of(function, record.functions)) for function in functions]
    size = (WIDTH, bars_height(len(rows), len(functions)) + 0.25)
    return Panel(name, title, size, partial(_draw_scores, rows=rows, legend=legend))


def _draw_scores(axes: Axes, rows: Sequence[tuple[str, Sequence[Bar]]], legend: Sequence[tuple[str, str]]) -> None:
    draw_bars(axes, rows, unit="percent", label="accuracy (%)", whole=True)
    draw_legend(axes, legend)
