"""Figures of sequences: accuracy on what masks were found without, and weights of the output map that they remove."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from maskscope.experiments.record import Quantity, Record
from maskscope.report.drawing.charts import WIDTH, Bar, bars_height, colour_of, draw_bars, draw_legend
from maskscope.report.drawing.panel import FUNCTION_COLOURS, INK, WHOLE_COLOUR, Panel
from maskscope.report.numbers import brief
from maskscope.report.over_networks import mask_label, mask_names
from maskscope.report.rooms.sequences.tables import output_table
from maskscope.report.rooms.sequences.values import (
    Asked,
    about_mask,
    everyone,
    families,
    is_scan,
    short_words,
    unmasked_and_masked,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = list[tuple[str, list[Bar]]]


def sequence_panels(record: Record) -> list[Panel]:
    """Accuracy on what each split holds out, of the network with and without masks and of one trained on the split alone.

    Where there are no splits, accuracy on each level.

    Source: figure 4a of the paper, and its comparison with networks trained on a split; of the Mathematics Dataset, its figure of
    networks without a mask, under the full mask and under that for easy questions.
    """
    if not is_scan(record):
        return _level_panels(record)
    first = record.functions[0]
    simple = everyone(record)
    panels = [_panel("sequence-simple", f"Test of split {first}", _rows(record, simple, {first: WHOLE_COLOUR}), {})]
    for place, family in enumerate(families(record)):
        colours = dict(zip(family.tests, _lanes(family.unseen), strict=False))
        legend = {short_words(test): colour for test, colour in colours.items()}
        rows = _rows(record, about_mask(record, family.mask), colours)
        panels.append(_panel(f"sequence-split-{place}", f"Split {brief(family.mask, 22)}", rows, legend))
    return panels


def output_panels(record: Record) -> list[Panel]:
    """Weights that each mask removes of each row of the output map.

    Source: figure 4b of the paper.
    """
    tokens = [str(row.cells[0]) for row in output_table(record).rows]
    if not tokens:
        return []
    masks = mask_names(record)
    colours = [colour_of(mask, record.masks) for mask in masks]
    rows: Rows = [
        (
            token,
            [
                _bar(record.quantity("removed of output", mask, token), colour)
                for mask, colour in zip(masks, colours, strict=True)
            ],
        )
        for token in tokens
    ]
    size = (WIDTH, bars_height(len(rows), len(masks)) + 0.45)
    legend = dict(zip((mask_label(mask) for mask in masks), colours, strict=True))
    draw = partial(_draw, rows=rows, label="weights removed (% of the row)", legend=legend, whole=False)
    return [Panel("output-rows", "Removed of the output map", size, draw)]


def _level_panels(record: Record) -> list[Panel]:
    asked = unmasked_and_masked(record)
    colours = [INK, *(colour_of(one.mask, record.masks) for one in asked[1:])]
    rows: Rows = [
        (
            test,
            [_bar(record.quantity(one.measure, one.mask, test), colour) for one, colour in zip(asked, colours, strict=True)],
        )
        for test in record.functions
    ]
    legend = dict(zip((one.label for one in asked), colours, strict=True))
    return [_panel("sequence-levels", "Accuracy on each level", rows, legend)]


def _lanes(unseen: str) -> tuple[str, ...]:
    """A colour for what is held out, for the unseen part of it if that is apart, and for what the mask was found with."""
    first, second, third, *_ = FUNCTION_COLOURS
    return (first, second, third) if unseen else (first, third)


def _rows(record: Record, asked: Sequence[Asked], colours: dict[str, str]) -> Rows:
    return [
        (
            # what the caption says need not stand here
            one.label.removesuffix(" alone"),
            [_bar(record.quantity(one.measure, one.mask, test), colour) for test, colour in colours.items()],
        )
        for one in asked
    ]


def _bar(found: Quantity | None, colour: str) -> Bar:
    return Bar(found.summary if found else None, colour)


def _panel(name: str, title: str, rows: Rows, legend: dict[str, str]) -> Panel:
    size = (WIDTH, bars_height(len(rows), len(rows[0][1])) + (0.25 if legend else 0.0))
    return Panel(name, title, size, partial(_draw, rows=rows, label="accuracy (%)", legend=legend, whole=True))


def _draw(axes: Axes, rows: Rows, label: str, legend: dict[str, str], whole: bool) -> None:
    draw_bars(axes, rows, notation="percent", label=label, whole=whole)
    if not whole:
        # an interval of a few networks may be wider than any number: the axis is for the numbers
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, 0.0), min(high, 100.0))
    draw_legend(axes, list(legend.items()))
