"""Figures of scores: accuracy under masks and their inverses, confusion, the half-mask test, controls."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import LEAST, WIDTH, Bar, bars_height, colour_of, draw_bars
from maskscope.report.drawing.grids import Lane, Rows, bar_panel, heat_panel
from maskscope.report.drawing.panel import MUTED, WHOLE_COLOUR, Axes, Panel
from maskscope.report.numbers import summary_of
from maskscope.report.over_networks import (
    WHOLE,
    confusion,
    few,
    half_mask_drop,
    mask_names,
    networks,
    null_controls,
    own_function,
    short_words,
)
from maskscope.report.words import INTACT, kept_short, removed_short

# row label, measure, mask, variant
Asked = tuple[str, str, str, str]


def accuracy_panels(record: MaskRecord[Any], variant: str = "trained") -> list[Panel]:
    """Accuracy on each function under each mask, under each inverse, and with the full mask on input and output weights."""
    if not networks(record, variant=variant):
        return []
    masks = mask_names(record)
    start = "accuracy" if variant == "trained" else variant
    under: list[Asked] = [(INTACT, "accuracy", "", variant)]
    under += [(kept_short(mask), "sufficiency", mask, variant) for mask in masks]
    inverse: list[Asked] = [(removed_short(mask), "necessity", mask, variant) for mask in masks]
    panels = [
        _score_panel(record, f"{start}-under", "Only these weights kept", under),
        _score_panel(record, f"{start}-inverse", "Only these weights removed", inverse),
    ]
    if any(one.measure == "necessity, full I/O" and one.variant == variant for one in record.quantities):
        hidden: list[Asked] = [(removed_short(mask), "necessity, full I/O", mask, variant) for mask in masks]
        panels.append(_score_panel(record, f"{start}-hidden", "Only hidden ones removed", hidden))
    return panels


def control_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Each function under its own mask beside what the baselines keep of it, and the masks that are found on controls."""
    functions = [name for name in mask_names(record) if name != WHOLE]
    if not functions:
        return []
    kept: list[tuple[str, str, str]] = [
        ("its own mask", "sufficiency", "trained"),
        ("top |w × grad|", "top weights", "trained"),
    ]
    kept += [(f"mask, {short_words(record)[variant]}", "sufficiency", variant) for variant in null_controls(record)]
    left: list[tuple[str, str, str]] = [
        ("mask's weights", "necessity", "trained"),
        ("random weights", "random removal", "trained"),
    ]
    return [
        _own_panel(record, "controls-kept", "Own function, keeping only …", kept, functions),
        _own_panel(record, "controls-removed", "Own function, removing …", left, functions),
    ]


def half_mask_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Accuracy that is lost with the full mask on the early tensors only, and on the others only.

    Source: the half-mask test of Csordás et al. 2021.
    """
    parts: dict[Literal["early_masked", "late_masked"], str] = {
        "early_masked": "early tensors only",
        "late_masked": "others only",
    }
    found = {part: half_mask_drop(record, part) for part in parts}
    if not any(summary.n for summary in found.values()):
        return []
    rows = [(label, [Bar(found[part], WHOLE_COLOUR)]) for part, label in parts.items()]
    several = [network.half_masks for network in networks(record) if len(network.half_masks) > 1]
    dots = [[100 * (half.full - getattr(half, part)) for halves in several for half in halves] for part in parts]
    draw = partial(_draw_half_masks, rows=rows, dots=dots)
    return [Panel("half-mask", "Full mask on …", (WIDTH, bars_height(2, 1) + 0.15), draw, LEAST)]


def confusion_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Whose answer was given: without a mask, under each mask, under each inverse."""
    masks = mask_names(record)
    asked: list[tuple[str, str, str | None, bool]] = [("confusion-unmasked", INTACT, None, False)]
    # with many functions, what each mask keeps is in the accuracy figure already
    kept = masks if few(record.functions) else [mask for mask in masks if mask == WHOLE]
    asked += [(f"confusion-{place}", kept_short(mask), mask, False) for place, mask in enumerate(kept)]
    asked += [(f"confusion-without-{place}", removed_short(mask), mask, True) for place, mask in enumerate(masks)]
    panels = []
    for name, title, mask, inverse in asked:
        shares = confusion(record, mask, inverse=inverse)
        if shares:
            answers = list(next(iter(shares.values())))
            rows = [(true, [shares[true][answer] for answer in answers]) for true in shares]
            panel = heat_panel(name, title, rows, answers, cell=(0.52, 0.38) if few(record.functions) else (0.39, 0.3))
            panels.append(replace(panel, draw=partial(_draw_confusion, draw=panel.draw)))
    return panels


def _draw_half_masks(axes: Axes, rows: Sequence[tuple[str, Sequence[Bar]]], dots: Sequence[Sequence[float]]) -> None:
    draw_bars(axes, rows, notation="percent", label="accuracy lost (percentage points)", whole=False)
    low, high = axes.get_xlim()
    for y, values in zip(axes.get_yticks(), dots, strict=True):
        axes.scatter(values, [y] * len(values), s=11, color=MUTED, alpha=0.45, linewidth=0, zorder=2.5)
        low, high = min([low, *(1.12 * value for value in values)]), max([high, *(1.06 * value for value in values)])
    axes.set_xlim(low, high)


def _draw_confusion(axes: Axes, draw: Callable[[Axes], None]) -> None:
    draw(axes)
    axes.set_xlabel("answer (%)")
    axes.set_ylabel("asked for")


def _score_panel(record: MaskRecord[Any], name: str, title: str, asked: Sequence[Asked]) -> Panel:
    functions = record.functions
    rows = [
        (label, [summary_of(record.quantity(measure, mask, function, variant=variant)) for function in functions])
        for label, measure, mask, variant in asked
    ]
    lanes = [(f"on {function}", colour_of(function, functions)) for function in functions]
    return _panel(name, title, rows, functions, lanes, record.score_name, bars=few(functions))


def _own_panel(
    record: MaskRecord[Any], name: str, title: str, asked: Sequence[tuple[str, str, str]], functions: Sequence[str]
) -> Panel:
    tests = {function: own_function(record, function) for function in functions}
    rows = [
        (label, [summary_of(record.quantity(measure, function, test, variant=variant)) for function, test in tests.items()])
        for label, measure, variant in asked
    ]
    lanes = [(function, colour_of(function, record.masks)) for function in functions]
    return _panel(name, title, rows, functions, lanes, record.score_name, bars=few(record.masks))


def _panel(name: str, title: str, rows: Rows, columns: Sequence[str], lanes: Sequence[Lane], score: str, *, bars: bool) -> Panel:
    if bars:
        return bar_panel(name, title, rows, lanes, f"{score} (%)")
    return heat_panel(name, f"{title} (%)", rows, columns)
