"""What masks have in common: overlap on its scale from floor to ceiling, and by tensor."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.overlaps import overlap_panels, sharing_panels
from maskscope.report.numbers import Number, Points, count_text
from maskscope.report.over_networks import (
    few_pairs,
    function_pairs,
    null_controls,
    overlap,
    overlap_floor,
    tensor_names,
    whole_procedures,
)
from maskscope.report.scale import family, nulls, scales, sharing_pairs
from maskscope.report.section import MOST_ROWS, Figure, Section
from maskscope.report.table import Cell, Row, Table, columns

_CAPTION = (
    "Grey tick: floor. Coloured ticks: ceilings, one for each function. Band: from floor to highest ceiling. Circles and "
    "line: the overlap that was found between the masks of different functions, with each network and the 95 % t-interval."
)
_LONE_CAPTION = "Grey tick: floor. Circles and line: the overlap that was found, with each network and the 95 % t-interval."
_MATRIX_CAPTION = (
    "Mean over networks, over all tensors. Diagonal: two masks for one function, the ceiling for its row and column; the "
    "floors are in the table."
)
# more tables of pairs are folded
_MANY = 3
_NOT_REPEATED = "There is no ceiling, and so no normalised sharing: each mask was found once. Run again with --repeats 1."


def overlap_section(record: MaskRecord[Any], *notes: str, ceilings: bool = True, totals: bool = True) -> Section:
    """Overlap of the trained network's masks, and of the controls', on its scale and by layer.

    Args:
        record: with the numbers.
        notes: further paragraphs.
        ceilings: whether ceilings are asked for; where masks are found once on purpose, they are not.
        totals: whether the terminal shows the overlap of whole masks beside their place on the scale.
    """
    by_layer, whole = overlap_table(record), sharing_tables(record)
    shown, folded = sharing_tables(record, ("trained",)), [by_layer]
    if len(shown) > _MANY:
        shown, folded = [], [*shown, *folded]
    elif len(by_layer.rows) <= MOST_ROWS:
        shown, folded = [*shown, by_layer], []
    alone = "; controls, one mask a function and so no ceiling"
    folded += [replace(table, title=table.title + alone) for table in sharing_tables(record, null_controls(record))]
    in_terminal = [_totals(overlap_table(record, variant)) for variant in whole_procedures(record)] if totals else []
    by_tensor = Figure("overlap", partial(overlap_panels, record))
    return Section(
        "overlap",
        "Overlap of the masks",
        (
            "An overlap means little by itself. The floor is what masks of these sizes share when nothing else is known "
            "(independent masks of the same density). The ceiling is what two masks for one function on the same network "
            "share, found with other noise and other data order: masks cannot be expected to agree more than that.",
            "Normalised sharing puts the Dice overlap on that scale, 0 at the floor and 1 at the ceiling. Above 0 means more "
            "overlap than density gives; that alone is no evidence of reuse.",
            *notes,
            *([] if ceilings else [_NOT_REPEATED]),
        ),
        (Figure("sharing", partial(sharing_panels, record)), by_tensor) if ceilings else (by_tensor,),
        _MATRIX_CAPTION if not few_pairs(record) else _CAPTION if ceilings else _LONE_CAPTION,
        tuple(shown),
        tuple(folded),
        tuple(whole),
        (*in_terminal, *(whole if len(whole) <= _MANY else ())),
    )


def sharing_tables(record: MaskRecord[Any], variants: Sequence[str] | None = None) -> list[Table]:
    """For each pair of functions, its overlap beside the floor, both ceilings, normalised sharing and, with a null, p.

    Args:
        record: with the numbers.
        variants: of the network; a group for each that has pairs of masks. None: all; some of them make a part of the table.
    """
    pairs, variants = sharing_pairs(record), [*record.variants] if variants is None else variants
    return [
        _sharing_table(record, pair, "sharing" if len(pairs) == 1 else f"sharing-{place + 1}", variants)
        for place, pair in enumerate(pairs)
    ]


def _sharing_table(record: MaskRecord[Any], pair: tuple[str, str], name: str, variants: Sequence[str]) -> Table:
    found = nulls(record, pair) if "trained" in variants else []
    rows = []
    for variant in variants:
        for place, scale in enumerate(scales(record, pair, variant)):
            numbers = (scale.dice, scale.floor, *scale.ceilings, scale.normalised, scale.iou)
            cells: list[Cell] = [scale.weights, *(Number(one, "ratio") for one in numbers)]
            if found:
                # the test is of whole masks, on trained networks
                tested = variant == "trained" and place == 0
                cells.append(Points((max(null.p_holm for null in found),), "ratio") if tested else "")
            rows.append(Row(record.variants[variant], tuple(cells)))
    ceilings = [f"ceiling {function}" for function in pair]
    titles = ["over", "found, Dice", "floor", *ceilings, "normalised sharing", "as IoU"]
    title = f"Overlap of {pair[0]} and {pair[1]}, beside what density alone gives and what two masks for one function share"
    if found:
        titles.append("p (highest)")
        title += f"; p after Holm over {count_text(family(record), 'test')}"
    part_of = "" if set(variants) == set(record.variants) else name
    return Table(name, title, columns(*titles), tuple(rows), part_of)


def overlap_table(record: MaskRecord[Any], variant: str = "trained") -> Table:
    """IoU, IoMin and Dice of the masks of each pair of functions, by tensor, with the floor that density gives."""
    rows = []
    for pair in sorted(function_pairs(record), key=lambda pair: pair[0] == pair[1]):
        for tensor in (*tensor_names(record), None):
            measured = [overlap(record, pair, tensor, measure, variant=variant) for measure in ("iou", "iomin", "dice")]
            measured.append(overlap_floor(record, pair, tensor, "dice", variant=variant))
            rows.append(Row(pair_label(pair), (tensor or "all tensors", *(Number(one, "ratio") for one in measured))))
    trained = variant == "trained"
    title = "Overlap of masks by tensor" + ("" if trained else f", {record.variants[variant].lower()}")
    return Table(
        "overlap" if trained else f"overlap-{variant}",
        f"{title}: mean ± sample standard deviation over networks",
        columns("tensor", "IoU", "IoMin", "Dice", "Dice floor"),
        tuple(rows),
    )


def _totals(table: Table) -> Table:
    """The rows over all tensors, each named by its pair of functions."""
    rows = tuple(Row("", (row.group, *row.cells[1:])) for row in table.rows if row.cells[0] == "all tensors")
    title = table.title.replace("masks by tensor", "whole masks")
    return Table(table.name, title, columns("masks", *(column.title for column in table.columns[1:])), rows, part_of=table.name)


def pair_label(pair: Sequence[str]) -> str:
    """A pair of functions in words."""
    return f"{pair[0]}, repeated: the ceiling" if pair[0] == pair[1] else f"{pair[0]} and {pair[1]}"
