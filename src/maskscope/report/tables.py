"""The tables of scores, weights and claims, and the list of all tables of a record."""

from collections.abc import Callable, Mapping

from maskscope.procedure.result import Record
from maskscope.procedure.stages import Variant
from maskscope.report.across import (
    VARIANTS,
    WHOLE,
    confusion,
    few,
    kept_share,
    mask_label,
    mask_names,
    maskable,
    null_controls,
    tensor_names,
    whole_procedures,
)
from maskscope.report.class_tables import class_tables
from maskscope.report.control_tables import controls_table, half_mask_table
from maskscope.report.growth_tables import growth_tables
from maskscope.report.kinds import Kind, kind_of
from maskscope.report.numbers import NOTATION, Number, Points, number_of
from maskscope.report.overlap_tables import core_table, null_table, overlap_table, sharing_tables
from maskscope.report.sequence_tables import sequence_tables
from maskscope.report.stability import stability_table
from maskscope.report.table import Cell, Column, Row, Table, columns
from maskscope.report.verdicts import claims_table

NETWORK = "Network"
UNDER = "Under the mask"
INVERSE = "Under the inverse: the mask's weights removed"
INVERSE_IO = "Under the inverse, but the full mask on input and output weights"
TOP = "Top |weight x gradient|, as many in each tensor as the mask keeps"
RANDOM = "Random weights removed, as many in each tensor as the mask keeps"
_EACH: Mapping[Kind, str] = {"functions": "function", "sequences": "test"}
FULL_IO = "full mask on input and output weights"


def all_tables(record: Record) -> list[Table]:
    """Every table that the record has numbers for, in the order of the report."""
    made = [claims_table(record.verdicts), *_TABLES[kind_of(record)](record), quantities_table(record)]
    return [table for table in made if table.rows]


def _function_tables(record: Record) -> list[Table]:
    return [
        removal_table(record),
        accuracy_table(record),
        confusion_table(record),
        *sharing_tables(record),
        *(overlap_table(record, variant) for variant in whole_procedures(record)),
        null_table(record),
        core_table(record),
        weights_table(record),
        half_mask_table(record),
        controls_table(record),
    ]


def _removal_tables(record: Record) -> list[Table]:
    accuracy, confused = accuracy_table(record), confusion_table(record)
    # the inverse of a mask that was found without a class removes what all other classes need
    under = [accuracy.only(NETWORK, UNDER), confused.only(NETWORK, UNDER)]
    return [*under, *class_tables(record), weights_table(record), half_mask_table(record)]


def _stability_tables(record: Record) -> list[Table]:
    return [stability_table(record), overlap_table(record), accuracy_table(record), core_table(record), weights_table(record)]


def _sequence_tables(record: Record) -> list[Table]:
    shared = [*sharing_tables(record), overlap_table(record), core_table(record), weights_table(record)]
    halves = half_mask_table(record)
    return [*sequence_tables(record), accuracy_table(record), *shared, halves, controls_table(record)]


def removal_table(record: Record) -> Table:
    """Accuracy on each function with the full mask, with each function's mask, and without its weights: the paper's table.

    A second group has the full mask on input and output weights, which two places have for themselves: what is lost there is lost
    by hidden weights. Empty where there are too many functions to stand side by side.

    Source: Csordás et al. 2021, the tables of addition/multiplication and of double addition, with its first-full-mask control.
    """
    masks = [name for name in mask_names(record) if name != WHOLE] if few(record.functions) else []
    asked = [("no mask", "accuracy", ""), ("full mask", "sufficiency", WHOLE)]
    for mask in masks:
        asked += [(f"mask {mask}", "sufficiency", mask), (f"NOT {mask}", "necessity", mask)]
    rows = []
    for variant in whole_procedures(record) if masks else ():
        rows += [_removal_row(record, variant, function, asked, hidden=False) for function in record.functions]
        if any(one.measure == "necessity, full I/O" and one.variant == variant for one in record.quantities):
            rows += [_removal_row(record, variant, function, asked, hidden=True) for function in record.functions]
    title = "Accuracy (%) under each mask and, as NOT, without its weights: mean ± sample standard deviation over networks"
    return Table("removal", title, columns("accuracy on", *(label for label, _, _ in asked)), tuple(rows))


def _removal_row(record: Record, variant: Variant, function: str, asked: list[tuple[str, str, str]], *, hidden: bool) -> Row:
    cells: list[Cell] = [function]
    for _, measure, mask in asked:
        found = record.quantity(
            f"{measure}, full I/O" if hidden and measure == "necessity" else measure, mask, function, variant=variant
        )
        cells.append(number_of(found) if found else None)
    return Row(VARIANTS[variant] + (f"; NOT with the {FULL_IO}" if hidden else ""), tuple(cells))


def accuracy_table(record: Record) -> Table:
    """Accuracy on each function, without a mask, under each mask and its inverse, under the baselines, and on each control."""
    masks = mask_names(record)

    def row(group: str, label: str, measure: str, mask: str, *, variant: Variant = "trained") -> Row:
        found = [record.quantity(measure, mask, function, variant=variant) for function in record.functions]
        return Row(group, (label, *(number_of(one) if one else None for one in found)))

    rows = [row(NETWORK, "no mask", "accuracy", "")]
    rows += [row(UNDER, mask_label(mask), "sufficiency", mask) for mask in masks]
    rows += [row(INVERSE, f"without {mask_label(mask)}", "necessity", mask) for mask in masks]
    if any(one.measure == "necessity, full I/O" for one in record.quantities):
        rows += [row(INVERSE_IO, f"without {mask_label(mask)}", "necessity, full I/O", mask) for mask in masks]
    rows += [row(TOP, f"top weights for {mask_label(mask)}", "top weights", mask) for mask in masks]
    rows += [row(RANDOM, f"as many as {mask_label(mask)}", "random removal", mask) for mask in masks]
    for variant in (*null_controls(record), *whole_procedures(record)[1:]):
        group = VARIANTS[variant]
        rows.append(row(group, "no mask", "accuracy", "", variant=variant))
        named = [mask for mask in masks if record.quantity("sufficiency", mask, record.functions[0], variant=variant)]
        rows += [row(group, mask_label(mask), "sufficiency", mask, variant=variant) for mask in named]
        if variant not in null_controls(record):
            rows += [row(group, f"without {mask_label(mask)}", "necessity", mask, variant=variant) for mask in named]
    title = f"Accuracy on each {_EACH.get(kind_of(record), 'class')} (%): mean ± sample standard deviation over networks"
    return Table("accuracy", title, columns("network under", *record.functions), tuple(rows))


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
    titles = ("network under", "asked for", *(f"answered {answer}" for answer in answers))
    title = "Whose answer was given (% of inputs): mean ± sample standard deviation"
    return Table("confusion", title, columns(*titles), tuple(rows))


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
    title = "Share of weights kept (%): mean ± sample standard deviation over networks"
    return Table("weights", title, columns("tensor", "weights", *(mask_label(mask) for mask in masks)), tuple(rows))


def quantities_table(record: Record) -> Table:
    """Every quantity of the record."""
    rows = [
        Row(
            VARIANTS[quantity.variant],
            (
                quantity.measure,
                quantity.mask,
                quantity.function,
                number_of(quantity),
                Points(quantity.summary.values, NOTATION[quantity.unit]),
            ),
        )
        for quantity in sorted(record.quantities, key=lambda quantity: list(VARIANTS).index(quantity.variant))
    ]
    titles = tuple(Column(title) for title in ("measure", "mask", "function", "value", "each network"))
    return Table("quantities", "Every quantity: mean ± sample standard deviation, and each network's value", titles, tuple(rows))


_TABLES: Mapping[Kind, Callable[[Record], list[Table]]] = {
    "functions": _function_tables,
    "removal": _removal_tables,
    "stability": _stability_tables,
    "growth": growth_tables,
    "sequences": _sequence_tables,
}
