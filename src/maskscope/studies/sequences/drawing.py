"""Figures of sequences: accuracy on what masks were found without, and weights of the output map that they remove."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from maskscope.analysis import Summary
from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import PICTURE_WIDTH, colour_of
from maskscope.report.drawing.grids import Lane, Rows, bar_panel
from maskscope.report.drawing.panel import FUNCTION_COLOURS, INK, WHOLE_COLOUR, Axes, Panel
from maskscope.report.numbers import brief, summary_of
from maskscope.report.over_networks import mask_label, mask_names
from maskscope.report.words import INTACT, in_two_lines, kept
from maskscope.studies.sequences.numbers import TRAINED_ON_IT
from maskscope.studies.sequences.tables import output_table
from maskscope.studies.sequences.values import (
    Asked,
    about_mask,
    everyone,
    families,
    is_scan,
    short_words,
    trained_on,
    unmasked_and_masked,
)

_ACCURACY = "accuracy (%)"


def picture_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Under the mask for each part of the questions: what it was found with, beside what it was found without."""
    return _held_out_picture(record) if is_scan(record) else _levels_picture(record)


def _held_out_picture(record: MaskRecord[Any]) -> list[Panel]:
    rows: list[tuple[str, list[Summary | None]]] = []
    intact: list[list[Summary | None]] = []
    for family in families(record):
        tests = (family.found_with, family.held_out)
        rows.append((f"mask found\nwithout {family.mask}", _of_tests(record, "sufficiency", family.mask, tests)))
        intact.append(_of_tests(record, "accuracy", "", tests))
        if family.mask in trained_on(record):
            rows.append((f"network trained\nwithout {family.mask}", _of_tests(record, TRAINED_ON_IT, family.mask, tests)))
            intact.append([None] * len(tests))
    lanes = [("commands it has", FUNCTION_COLOURS[0]), ("held out", FUNCTION_COLOURS[1])]
    return [_picture("What becomes of held-out commands", rows, lanes, intact)] if rows else []


def _levels_picture(record: MaskRecord[Any]) -> list[Panel]:
    tests, masks = record.functions, mask_names(record)
    rows = [(in_two_lines(kept(mask)), _of_tests(record, "sufficiency", mask, tests)) for mask in masks]
    lanes = [(test, colour_of(test, tests)) for test in tests]
    intact = [_of_tests(record, "accuracy", "", tests)] * len(rows)
    return [_picture("What is left of each level", rows, lanes, intact)] if rows else []


def _picture(title: str, rows: Rows, lanes: Sequence[Lane], intact: Sequence[Sequence[Summary | None]]) -> Panel:
    return bar_panel("picture-tests", title, rows, lanes, _ACCURACY, beside=intact, beside_name=INTACT, width=PICTURE_WIDTH)


def sequence_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Accuracy on what each split holds out, of the network with and without masks and of one trained on the split alone.

    Where there are no splits, accuracy on each level.

    Source: figure 4a of the paper, and its comparison with networks trained on a split; of the Mathematics Dataset, its figure of
    networks without a mask, under the full mask and under that for easy questions.
    """
    if not is_scan(record):
        return _level_panels(record)
    first = record.functions[0]
    simple = _rows(record, everyone(record), (first,))
    panels = [bar_panel("sequence-simple", f"Test of split {first}", simple, [("", WHOLE_COLOUR)], _ACCURACY)]
    for place, family in enumerate(families(record)):
        lanes = list(zip(map(short_words, family.tests), _lanes(family.unseen), strict=False))
        rows = _rows(record, about_mask(record, family.mask), family.tests)
        panels.append(bar_panel(f"sequence-split-{place}", f"Split {brief(family.mask, 22)}", rows, lanes, _ACCURACY))
    return panels


def output_panels(record: MaskRecord[Any]) -> list[Panel]:
    """Weights that each mask removes of each row of the output map.

    Source: figure 4b of the paper.
    """
    tokens = [str(row.cells[0]) for row in output_table(record).rows]
    if not tokens:
        return []
    masks = mask_names(record)
    rows = [(token, [summary_of(record.quantity("removed of output", mask, token)) for mask in masks]) for token in tokens]
    lanes = [(mask_label(mask), colour_of(mask, record.masks)) for mask in masks]
    panel = bar_panel("output-rows", "Removed of the output map", rows, lanes, "weights removed (% of the row)", whole=False)
    # room for names of masks in two lines
    return [replace(panel, size=(panel.size[0], panel.size[1] + 0.2), draw=partial(_draw_shares, draw=panel.draw))]


def _level_panels(record: MaskRecord[Any]) -> list[Panel]:
    asked = unmasked_and_masked(record)
    rows = [(test, [summary_of(record.quantity(one.measure, one.mask, test)) for one in asked]) for test in record.functions]
    colours = [INK, *(colour_of(one.mask, record.masks) for one in asked[1:])]
    lanes = list(zip((_label(one) for one in asked), colours, strict=True))
    return [bar_panel("sequence-levels", "Accuracy on each level", rows, lanes, _ACCURACY)]


def _lanes(unseen: str) -> tuple[str, ...]:
    """A colour for what is held out, for the unseen part of it if that is apart, and for what the mask was found with."""
    found, held_out, _, unseen_part = FUNCTION_COLOURS
    return (held_out, unseen_part, found) if unseen else (held_out, found)


def _of_tests(record: MaskRecord[Any], measure: str, mask: str, tests: Sequence[str]) -> list[Summary | None]:
    return [summary_of(record.quantity(measure, mask, test)) for test in tests]


def _rows(record: MaskRecord[Any], asked: Sequence[Asked], tests: Sequence[str]) -> Rows:
    return [(_label(one), [summary_of(record.quantity(one.measure, one.mask, test)) for test in tests]) for one in asked]


def _label(one: Asked) -> str:
    """What was asked, in as few words as the caption leaves to say."""
    return INTACT if not one.mask else one.label.removesuffix(" alone")


def _draw_shares(axes: Axes, draw: Callable[[Axes], None]) -> None:
    draw(axes)
    # an interval of a few networks may be wider than any number: the axis is for the numbers
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, 0.0), min(high, 100.0))
