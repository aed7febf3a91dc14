"""The tables of a record, as values; how they are written is another file's business."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.experiments.record import Record
from maskscope.experiments.stages import Variant
from maskscope.report.across import (
    WHOLE,
    confusion,
    function_pairs,
    has_untrained,
    kept_share,
    mask_label,
    mask_names,
    maskable,
    overlap,
    overlap_floor,
    tensor_names,
)
from maskscope.report.numbers import Number, Points, unit_of

Cell = str | int | Number | Points | None


@dataclass(frozen=True)
class Column:
    """A column's title, and whether its text is long."""

    title: str
    long: bool = False


@dataclass(frozen=True)
class Row:
    """The cells of a row, under the heading of its group."""

    group: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table as a value.

    Args:
        name: of its files.
        title: what it shows, in one line.
        columns: the first one names the row.
        rows: each has a cell for each column.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def only(self, *groups: str) -> "Table":
        """The rows of some groups."""
        return Table(self.name, self.title, self.columns, tuple(row for row in self.rows if row.group in groups))


NETWORK = "Network"
UNDER = "Under the mask"
INVERSE = "Under the inverse: the mask's weights removed"
TOP = "Top |weight x gradient|, as many in each tensor as the mask keeps"
RANDOM = "Random weights removed, as many in each tensor as the mask keeps"
UNTRAINED = "The same procedure on the untrained network"


def all_tables(record: Record) -> list[Table]:
    """Every table, in the order of the report."""
    return [
        claims_table(record),
        accuracy_table(record),
        confusion_table(record),
        overlap_table(record),
        sharing_table(record),
        weights_table(record),
        quantities_table(record),
    ]


def accuracy_table(record: Record) -> Table:
    """Accuracy on each function, without a mask, under each mask and its inverse, and under the controls."""
    masks = mask_names(record)

    def row(group: str, label: str, measure: str, mask: str, *, variant: Variant = "trained") -> Row:
        found = [record.quantity(measure, mask, function, variant=variant) for function in record.functions]
        return Row(group, (label, *(Number(one.summary, "percent") if one else None for one in found)))

    rows = [row(NETWORK, "no mask", "accuracy", "")]
    rows += [row(UNDER, mask_label(mask), "sufficiency", mask) for mask in masks]
    rows += [row(INVERSE, f"without {mask_label(mask)}", "necessity", mask) for mask in masks]
    rows += [row(TOP, f"top weights for {mask_label(mask)}", "top weights", mask) for mask in masks]
    rows += [row(RANDOM, f"as many as {mask_label(mask)}", "random removal", mask) for mask in masks]
    if has_untrained(record):
        rows.append(row(UNTRAINED, "untrained, no mask", "accuracy", "", variant="untrained"))
        named = [mask for mask in masks if mask != WHOLE]
        rows += [row(UNTRAINED, f"untrained, {mask_label(mask)}", "sufficiency", mask, variant="untrained") for mask in named]
    columns = (Column("network under"), *(Column(function) for function in record.functions))
    return Table(
        "accuracy", "Accuracy on each function (%): mean ± sample standard deviation over networks", columns, tuple(rows)
    )


def confusion_table(record: Record) -> Table:
    """Whose answer was given, for each true function, without a mask and under each mask and its inverse."""
    settings: list[tuple[str, str, str | None, bool]] = [(NETWORK, "no mask", None, False)]
    settings += [(UNDER, mask_label(mask), mask, False) for mask in mask_names(record)]
    settings += [(INVERSE, f"without {mask_label(mask)}", mask, True) for mask in mask_names(record)]
    rows, answers = [], [*record.functions, "none"]
    for group, label, mask, inverse in settings:
        for true, shares in confusion(record, mask, inverse=inverse).items():
            cells = [Number(shares[answer], "percent") if answer in shares else None for answer in answers]
            rows.append(Row(group, (label, true, *cells)))
    columns = (Column("network under"), Column("asked for"), *(Column(f"answered {answer}") for answer in answers))
    return Table("confusion", "Whose answer was given (% of inputs): mean ± sample standard deviation", columns, tuple(rows))


def overlap_table(record: Record) -> Table:
    """IoU, IoMin and Dice of the masks of each pair of functions, by tensor, with the floor that density gives."""
    rows = []
    for pair in sorted(function_pairs(record), key=lambda pair: pair[0] == pair[1]):
        for tensor in (*tensor_names(record), None):
            measured = [overlap(record, pair, tensor, "iou"), overlap(record, pair, tensor, "iomin")]
            measured += [overlap(record, pair, tensor, "dice"), overlap_floor(record, pair, tensor, "dice")]
            rows.append(Row(pair_label(pair), (tensor or "all tensors", *(Number(one, "ratio") for one in measured))))
    columns = (Column("tensor"), Column("IoU"), Column("IoMin"), Column("Dice"), Column("Dice floor"))
    return Table("overlap", "Overlap of masks by tensor: mean ± sample standard deviation over networks", columns, tuple(rows))


def sharing_table(record: Record) -> Table:
    """Overlap on its scale: floors, what was found, ceilings, and normalised sharing."""
    groups = {"dice floor": "Floor", "dice": "Found", "normalised": "On the scale 0 = floor, 1 = ceiling"}
    rows = []
    for quantity in record.quantities:
        start = next((start for start in groups if quantity.measure.startswith(start)), None)
        if start is None:
            continue
        names = quantity.mask.split(", ")
        ceiling = quantity.measure == "dice" and len(names) == 2 and names[0] == names[1]
        group = "Ceiling: two masks for one function" if ceiling else groups[start]
        rows.append(Row(group, (quantity.measure, quantity.mask, quantity.variant, Number(quantity.summary, "ratio"))))
    order = ("Floor", "Found", "Ceiling: two masks for one function", "On the scale 0 = floor, 1 = ceiling")
    rows.sort(key=lambda row: (order.index(row.group), row.cells[2], row.cells[0]))
    columns = (Column("measure"), Column("masks"), Column("network"), Column("value"))
    return Table("sharing", "Overlap of whole masks on its scale, from floor to ceiling", columns, tuple(rows))


def weights_table(record: Record) -> Table:
    """Share of weights that each mask keeps, by tensor."""
    masks = mask_names(record)
    rows = [
        Row(
            "",
            (
                tensor or "all tensors",
                maskable(record, tensor),
                *(Number(kept_share(record, mask, tensor), "percent") for mask in masks),
            ),
        )
        for tensor in (*tensor_names(record), None)
    ]
    columns = (Column("tensor"), Column("weights"), *(Column(mask_label(mask)) for mask in masks))
    return Table("weights", "Share of weights kept (%): mean ± sample standard deviation over networks", columns, tuple(rows))


def quantities_table(record: Record) -> Table:
    """Every quantity of the record."""
    rows = [
        Row(
            "Trained networks" if quantity.variant == "trained" else f"Control: {quantity.variant}",
            (
                quantity.measure,
                quantity.mask,
                quantity.function,
                Number(quantity.summary, unit_of(quantity.measure)),
                Points(quantity.summary.values, unit_of(quantity.measure)),
            ),
        )
        for quantity in sorted(record.quantities, key=lambda quantity: quantity.variant != "trained")
    ]
    columns = (Column("measure"), Column("mask"), Column("function"), Column("value"), Column("each network"))
    return Table("quantities", "Every quantity: mean ± sample standard deviation, and each network's value", columns, tuple(rows))


def claims_table(record: Record) -> Table:
    """The claims, what became of them, and by which rule."""
    rows = [
        Row(
            "",
            (verdict.name, verdict.verdict, verdict.question, verdict.rule, " ".join(f"{reason}." for reason in verdict.reasons)),
        )
        for verdict in record.verdicts
    ]
    columns = (Column("claim"), Column("verdict"), *(Column(title, long=True) for title in ("question", "rule", "found")))
    return Table("claims", "Claims and verdicts", columns, tuple(rows))


def pair_label(pair: Sequence[str]) -> str:
    """A pair of functions in words."""
    return f"{pair[0]}, repeated: the ceiling" if pair[0] == pair[1] else f"{pair[0]} and {pair[1]}"
