"""The table of a sweep: a row for each value."""

from maskscope.analysis import Summary
from maskscope.experiments.sweep import SweepPoint, SweepRecord
from maskscope.report.across import WHOLE
from maskscope.report.numbers import Number, Unit
from maskscope.report.sweep_numbers import dice, full_mask_accuracy, of_mask, own_accuracy, shared_share, sharing, sweep_pair
from maskscope.report.table import Cell, Row, Table, columns


def sweep_tables(record: SweepRecord) -> list[Table]:
    """Every table of a sweep."""
    return [sweep_table(record)]


def sweep_table(record: SweepRecord) -> Table:
    """Accuracy, density, undecided share, overlap and stability at each value; what was measured nowhere has no column."""
    measured = [_measured(record, point) for point in record.points]
    kept = [place for place, (_, _, _) in enumerate(measured[0]) if any(row[place][1].n for row in measured)] if measured else []
    sized = record.axis == "size"
    rows = []
    for point, numbers in zip(record.points, measured, strict=True):
        label = point.label + (" (the presets')" if point.label == record.chosen else "")
        cells: list[Cell] = [label, *([round(point.value)] if sized else []), len(point.seeds)]
        rows.append(Row("", (*cells, *(Number(numbers[place][1], numbers[place][2]) for place in kept))))
    titles = [record.axis, *(["weights"] if sized else []), "networks"]
    titles += [measured[0][place][0] for place in kept]
    return Table(
        record.sweep, f"Sweep over {record.axis}: mean ± sample standard deviation over networks", columns(*titles), tuple(rows)
    )


def _measured(record: SweepRecord, point: SweepPoint) -> list[tuple[str, Summary, Unit]]:
    functions = record.functions
    found: list[tuple[str, Summary, Unit]] = [
        ("accuracy, full mask", full_mask_accuracy(point, functions), "percent"),
        ("own function, own mask", own_accuracy(point, functions), "percent"),
        ("kept, full mask", of_mask(point, "density", WHOLE), "percent"),
        *((f"kept, mask {name}", of_mask(point, "density", name), "percent") for name in functions),
        ("undecided, full mask", of_mask(point, "undecided", WHOLE), "percent"),
    ]
    pair = sweep_pair(record)
    if pair is not None:
        found += [
            (f"Dice of {pair[0]} and {pair[1]}", dice(point, *pair), "ratio"),
            ("its floor", of_mask(point, "dice floor", ", ".join(pair)), "ratio"),
            (f"{pair[0]}'s mask shared", shared_share(point, *pair), "percent"),
            ("normalised sharing", sharing(point, *pair), "ratio"),
        ]
    found += [(f"stability {name} (ceiling)", dice(point, name, name), "ratio") for name in functions]
    return found
