"""The picture of a network with several functions: what is left of each with some weights only, and what masks share."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from maskscope.analysis import Summary
from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import LEAST, PICTURE_WIDTH, colour_of
from maskscope.report.drawing.floored_bars import Row, floored_bars
from maskscope.report.drawing.grids import Rows, bar_panel, heat_panel
from maskscope.report.drawing.overlaps import draw_scale
from maskscope.report.drawing.panel import FUNCTION_COLOURS, Panel
from maskscope.report.numbers import brief, summary_of
from maskscope.report.over_networks import WHOLE, function_pairs, mask_names, overlap, overlap_floor
from maskscope.report.scale import WEIGHTS
from maskscope.report.words import (
    INTACT,
    OTHERS,
    hidden_removed,
    in_two_lines,
    kept,
    kept_short,
    removed,
    removed_short,
)

# with more functions, or masks, the bars are too many to be read at a glance
_MOST_BARS = 3
# with more functions, cells of a heat map are small
_MOST_LARGE = 5
_WITHOUT_HIDDEN = "necessity, full I/O"
_SCALES = ("normalised sharing", "normalised sharing of hidden")


def functions_panels(record: MaskRecord[Any]) -> list[Panel]:
    """What is left of each function with a mask's weights alone and without them; of few, overlap between floor and ceiling."""
    masks = [mask for mask in mask_names(record) if mask != WHOLE] or mask_names(record)
    if not masks:
        return []
    return [*_bars(record, masks), *_overlap_panels(record)] if has_bars(record) else _heats(record, masks)


def has_bars(record: MaskRecord[Any]) -> bool:
    """Whether functions are so few that each has bars of its own; more are heat maps, and overlap has a figure of its own."""
    return max(len(record.functions), len(record.masks)) <= _MOST_BARS


def _bars(record: MaskRecord[Any], masks: Sequence[str]) -> list[Panel]:
    functions = record.functions
    # beside what a mask keeps or removes: what as many other weights do
    asked = [(kept(mask), "sufficiency", "top weights", mask) for mask in masks]
    asked += [(removed(mask), "necessity", "random removal", mask) for mask in masks]
    asked += [(hidden_removed(mask), _WITHOUT_HIDDEN, "", mask) for mask in masks if _has_hidden(record)]
    rows = [(in_two_lines(words), _found(record, measure, mask)) for words, measure, _, mask in asked]
    others = [_found(record, control, mask) for _, _, control, mask in asked]
    lanes = [(f"on {function}", colour_of(function, functions)) for function in functions]
    intact = [summary_of(record.quantity("accuracy", "", function)) for function in functions]
    score = record.score_name
    title, label = "What is left of each function", f"{score} (%)"
    return [
        bar_panel(
            "picture-scores",
            title,
            [(INTACT, intact), *rows],
            lanes,
            label,
            beside=[[None] * len(intact), *others],
            beside_name=OTHERS,
            width=PICTURE_WIDTH,
        )
    ]


def _heats(record: MaskRecord[Any], masks: Sequence[str]) -> list[Panel]:
    # two of them beside each other: of many functions, whole numbers in small cells
    small = len(record.functions) > _MOST_LARGE
    cell, decimals = ((0.27, 0.26), 0) if small else ((0.5, 0.3), None)
    intact = (INTACT, [summary_of(record.quantity("accuracy", "", function)) for function in record.functions])
    under: Rows = [intact, *((kept_short(mask), _found(record, "sufficiency", mask)) for mask in masks)]
    without: Rows = [intact, *((removed_short(mask), _found(record, "necessity", mask)) for mask in masks)]
    score = record.score_name.capitalize()
    return [
        heat_panel("picture-kept", f"{score} (%), only these weights", under, record.functions, cell=cell, decimals=decimals),
        heat_panel("picture-removed", f"{score} (%), without them", without, record.functions, cell=cell, decimals=decimals),
    ]


def _overlap_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Overlap on its scale; where there is none, beside its floor."""
    pairs = [pair for pair in function_pairs(record) if pair[0] != pair[1]]
    if not pairs:
        return []
    rows = [
        (_row_label(pair, measure, alone=len(pairs) == 1), one.summary)
        for pair in pairs
        for measure in _SCALES
        if (one := record.quantity(measure, ", ".join(pair))) and one.summary.n
    ]
    if rows:
        draw = partial(draw_scale, rows=rows)
        size = (PICTURE_WIDTH, 1.35 + 0.42 * len(rows))
        return [Panel("picture-overlap", "Overlap of the masks", size, draw, LEAST)]
    floored: list[Row] = [
        (
            f"{brief(a, 10)}, {brief(b, 10)}",
            overlap(record, (a, b), None, "dice"),
            overlap_floor(record, (a, b), None, "dice"),
            _BLUE,
        )
        for a, b in pairs
    ]
    return [floored_bars("picture-overlap", "Overlap of the masks", floored, "overlap (Dice; 1: the same weights)", [])]


_BLUE = FUNCTION_COLOURS[0]


def _row_label(pair: tuple[str, str], measure: str, *, alone: bool) -> str:
    weights = WEIGHTS[measure]
    names = f"{brief(pair[0], 12)}, {brief(pair[1], 12)}"
    return weights if alone else names if measure == _SCALES[0] else f"{names},\n{weights}"


def _found(record: MaskRecord[Any], measure: str, mask: str) -> list[Summary | None]:
    return [summary_of(record.quantity(measure, mask, function)) if measure else None for function in record.functions]


def _has_hidden(record: MaskRecord[Any]) -> bool:
    return any(one.measure == _WITHOUT_HIDDEN and one.variant == "trained" for one in record.quantities)
