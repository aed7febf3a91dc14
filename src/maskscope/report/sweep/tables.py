"""The tables of a sweep: a row for each value."""

from collections.abc import Callable

from maskscope.analysis import Summary
from maskscope.engine.sweep.record import SweepPoint, SweepRecord
from maskscope.report.numbers import Notation, Number
from maskscope.report.over_networks import WHOLE, mask_label
from maskscope.report.sweep.measures import NAMED
from maskscope.report.sweep.numbers import (
    accuracy,
    compared_at,
    dice,
    full_mask_accuracy,
    masks_at,
    of_mask,
    own_accuracy,
    repeated_name,
    shared_share,
    sharing,
    sweep_pair,
)
from maskscope.report.table import Cell, Row, Table, columns


def sweep_tables(record: SweepRecord) -> list[Table]:
    """The masks at each value, and what they have in common; what was measured nowhere has no column."""
    of_masks = "masks at each value: mean ± sample standard deviation over networks"
    in_common = "overlap at each value (Dice): mean ± sample standard deviation over networks"
    found = [_table(record, record.sweep, f"Sweep over {record.axis}, {of_masks}", _masks)]
    if record.sweep in NAMED:
        found += [_table(record, f"{record.sweep}-overlap", f"Sweep over {record.axis}, {in_common}", _overlap)]
    else:
        found += [_accuracy_table(record), _pairs_table(record)]
    return [table for table in found if table.rows]


def _accuracy_table(record: SweepRecord) -> Table:
    """Every function under and without every mask: rows by value."""
    title = f"Sweep over {record.axis}, accuracy under each mask and without it: mean ± sample standard deviation over networks"
    rows = []
    for point in record.points:
        for mask in masks_at([point]):
            for words, measure in (("under", "sufficiency"), ("without", "necessity")):
                found = [accuracy(point, measure, mask, function) for function in record.functions]
                cells = [
                    Number(one, "percent") if point.quantity(measure, mask, function) else None
                    for one, function in zip(found, record.functions, strict=True)
                ]
                rows.append(Row(f"{record.axis} {point.label}", (f"{words} {mask_label(mask)}", *cells)))
    return Table(f"{record.sweep}-accuracy", title, columns("mask", *record.functions), tuple(rows))


def _pairs_table(record: SweepRecord) -> Table:
    """Overlap of every pair of masks, and of each mask with its repeats: rows by value."""
    title = f"Sweep over {record.axis}, overlap (Dice) of masks: mean ± sample standard deviation over networks"
    measures = {"dice": "Dice", "dice floor": "floor", "normalised sharing": "normalised sharing"}
    rows = []
    for point in record.points:
        for pair in compared_at([point]):
            name = f"{repeated_name(pair)}, two masks for it" if repeated_name(pair) else pair
            cells = [Number(of_mask(point, one, pair), "ratio") if point.quantity(one, pair) else None for one in measures]
            rows.append(Row(f"{record.axis} {point.label}", (name, *cells)))
    return Table(f"{record.sweep}-overlap", title, columns("masks", *measures.values()), tuple(rows))


def _table(
    record: SweepRecord, name: str, title: str, measure: Callable[[SweepRecord, SweepPoint], list[tuple[str, Summary, Notation]]]
) -> Table:
    measured = [measure(record, point) for point in record.points]
    kept = [place for place in range(len(measured[0])) if any(row[place][1].n for row in measured)] if measured else []
    sized, rows = record.scale == "weights", []
    for point, numbers in zip(record.points if kept else (), measured, strict=bool(kept)):
        label = point.label + (" (the presets')" if point.label == record.chosen else "")
        cells: list[Cell] = [label, *([round(point.value)] if sized else []), len(point.seeds)]
        rows.append(Row("", (*cells, *(Number(numbers[place][1], numbers[place][2]) for place in kept))))
    titles = [record.axis, *(["weights"] if sized else []), "n", *(measured[0][place][0] for place in kept)]
    return Table(name, title, columns(*titles), tuple(rows))


def _masks(record: SweepRecord, point: SweepPoint) -> list[tuple[str, Summary, Notation]]:
    functions = record.functions
    return [
        ("accuracy, full mask", full_mask_accuracy(point, functions), "percent"),
        ("own function, own mask", own_accuracy(point, functions), "percent"),
        ("kept, full mask", of_mask(point, "density", WHOLE), "percent"),
        *((f"kept, {name}", of_mask(point, "density", name), "percent") for name in masks_at(record.points) if name != WHOLE),
        ("undecided, full mask", of_mask(point, "undecided", WHOLE), "percent"),
    ]


def _overlap(record: SweepRecord, point: SweepPoint) -> list[tuple[str, Summary, Notation]]:
    pair, found = sweep_pair(record), list[tuple[str, Summary, Notation]]()
    if pair is not None:
        found += [
            (f"{pair[0]} and {pair[1]}", dice(point, *pair), "ratio"),
            ("floor", of_mask(point, "dice floor", ", ".join(pair)), "ratio"),
            ("normalised sharing", sharing(point, *pair), "ratio"),
            (f"share of {pair[0]}'s mask", shared_share(point, *pair), "percent"),
        ]
    found += [(f"stability {name} (ceiling)", dice(point, name, name), "ratio") for name in record.functions]
    return found
