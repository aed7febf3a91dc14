"""Accuracy under each mask, without its weights, under baselines and on controls; and whose answer was given."""

from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.spread import spread_note
from maskscope.report.drawing.scores import accuracy_panels, confusion_panels
from maskscope.report.numbers import Number, number_of
from maskscope.report.over_networks import (
    WHOLE,
    confusion,
    few,
    mask_label,
    mask_names,
    null_controls,
    whole_procedures,
)
from maskscope.report.section import Figure, Section
from maskscope.report.table import Cell, Row, Table, columns
from maskscope.report.words import kept_short, removed_short

NETWORK = "Network"
UNDER = "Only the weights of a mask kept"
INVERSE = "The weights of a mask removed"
INVERSE_IO = "The hidden weights of a mask removed, the full mask on input and output weights"
TOP = "Top |weight x gradient|, as many in each tensor as the mask keeps"
RANDOM = "Random weights removed, as many in each tensor as the mask keeps"
FULL_IO = "full mask on input and output weights"
_FIRST_FULL = (
    "Input and output weights that two places have for themselves are needed by one of them only, so that removing them "
    "proves little. In the last of the panels, and in the rows below it in the table, they are left to the full mask "
    "(the paper's first-full-mask control): what is lost then is lost by hidden weights."
)


def accuracy_section(record: MaskRecord[Any], *notes: str) -> Section:
    """What each mask keeps of each function, and what is lost without its weights.

    Args:
        record: with the numbers.
        notes: further paragraphs.
    """
    whole, paper = accuracy_table(record), removal_table(record)
    by_mask = whole.only(NETWORK, UNDER, INVERSE, INVERSE_IO)
    hidden = any(row.group == INVERSE_IO for row in by_mask.rows)
    third = " Third: only hidden ones of them are removed." if hidden else ""
    return Section(
        "accuracy",
        "Accuracy under each mask",
        (
            "A mask is sufficient if the network still performs its function with nothing but the mask's weights, and "
            "specific if it then fails at the others. It is necessary if the function is lost when the mask's weights are "
            "removed.",
            *notes,
            *([_FIRST_FULL] if hidden else []),
        ),
        (Figure("accuracy", partial(accuracy_panels, record)),),
        f"First: only the mask's weights are kept. Second: only they are removed.{third} " + spread_note(record),
        (removal_of(record, "trained"),) if paper.rows else (by_mask,),
        (by_mask,) if paper.rows else (),
        (paper, whole),
        (paper if paper.rows else whole,),
    )


def confusion_section(record: MaskRecord[Any]) -> Section:
    """Whose answer was given where a function was lost."""
    return Section(
        "confusion",
        "Whose answer was given",
        ("When a function is lost, does the network do the other one instead, or something that is neither?",),
        (Figure("confusion", partial(confusion_panels, record)),),
        "Rows: the function that was asked for. Columns: the function whose answer was given, in percent of all inputs (mean "
        "over networks). Where two functions have the same result a right answer counts for both.",
        folded=(confusion_table(record),),
    )


def removal_of(record: MaskRecord[Any], variant: str) -> Table:
    """The rows of `removal_table` that are about one variant of the network."""
    table = removal_table(record)
    return table.only(*(row.group for row in table.rows if row.group.startswith(record.variants[variant])))


def removal_table(record: MaskRecord[Any]) -> Table:
    """Accuracy on each function with the full mask, with each function's mask, and without its weights: the paper's table.

    A second group has the full mask on input and output weights, which two places have for themselves: what is lost there is lost
    by hidden weights. Empty where there are too many functions to stand side by side.

    Source: Csordás et al. 2021, the tables of addition/multiplication and of double addition, with its first-full-mask control.
    """
    masks = [name for name in mask_names(record) if name != WHOLE] if few(record.functions) else []
    asked = [("no mask", "accuracy", ""), ("full mask", "sufficiency", WHOLE)]
    for mask in masks:
        asked += [(kept_short(mask), "sufficiency", mask), (removed_short(mask), "necessity", mask)]
    rows = []
    for variant in whole_procedures(record) if masks else ():
        rows += [_removal_row(record, variant, function, asked, hidden=False) for function in record.functions]
        if any(one.measure == "necessity, full I/O" and one.variant == variant for one in record.quantities):
            rows += [_removal_row(record, variant, function, asked, hidden=True) for function in record.functions]
    title = "Accuracy (%) with only a mask's weights kept, and with them removed: mean ± sample standard deviation over networks"
    return Table("removal", title, columns("accuracy on", *(label for label, _, _ in asked)), tuple(rows))


def _removal_row(record: MaskRecord[Any], variant: str, function: str, asked: list[tuple[str, str, str]], *, hidden: bool) -> Row:
    cells: list[Cell] = [function]
    for _, measure, mask in asked:
        found = record.quantity(
            f"{measure}, full I/O" if hidden and measure == "necessity" else measure, mask, function, variant=variant
        )
        cells.append(number_of(found))
    return Row(record.variants[variant] + (f"; removed with the {FULL_IO}" if hidden else ""), tuple(cells))


def accuracy_table(record: MaskRecord[Any], each: str = "function") -> Table:
    """Accuracy on each function, without a mask, under each mask and its inverse, under the baselines, and on each control.

    Args:
        record: with the numbers.
        each: what one of its functions is called.
    """
    masks = mask_names(record)

    def row(group: str, label: str, measure: str, mask: str, *, variant: str = "trained") -> Row:
        found = [record.quantity(measure, mask, function, variant=variant) for function in record.functions]
        return Row(group, (label, *(number_of(one) for one in found)))

    rows = [row(NETWORK, "no mask", "accuracy", "")]
    rows += [row(UNDER, kept_short(mask), "sufficiency", mask) for mask in masks]
    rows += [row(INVERSE, removed_short(mask), "necessity", mask) for mask in masks]
    if any(one.measure == "necessity, full I/O" for one in record.quantities):
        rows += [row(INVERSE_IO, removed_short(mask), "necessity, full I/O", mask) for mask in masks]
    rows += [row(TOP, f"top weights for {mask_label(mask)}", "top weights", mask) for mask in masks]
    rows += [row(RANDOM, f"as many as {mask_label(mask)}", "random removal", mask) for mask in masks]
    for variant in (*null_controls(record), *whole_procedures(record)[1:]):
        group = record.variants[variant]
        rows.append(row(group, "no mask", "accuracy", "", variant=variant))
        named = [mask for mask in masks if record.quantity("sufficiency", mask, record.functions[0], variant=variant)]
        rows += [row(group, kept_short(mask), "sufficiency", mask, variant=variant) for mask in named]
        if variant not in null_controls(record):
            rows += [row(group, removed_short(mask), "necessity", mask, variant=variant) for mask in named]
    title = f"Accuracy on each {each} (%): mean ± sample standard deviation over networks"
    return Table("accuracy", title, columns("network under", *record.functions), tuple(rows))


def confusion_table(record: MaskRecord[Any]) -> Table:
    """Whose answer was given, for each true function, without a mask and under each mask and its inverse."""
    settings: list[tuple[str, str, str | None, bool]] = [(NETWORK, "no mask", None, False)]
    settings += [(UNDER, kept_short(mask), mask, False) for mask in mask_names(record)]
    settings += [(INVERSE, removed_short(mask), mask, True) for mask in mask_names(record)]
    rows, answers = [], [*record.functions, "none"]
    for group, label, mask, inverse in settings:
        for true, shares in confusion(record, mask, inverse=inverse).items():
            cells = [Number(shares[answer], "percent") if answer in shares else None for answer in answers]
            rows.append(Row(group, (label, true, *cells)))
    titles = ("network under", "asked for", *(f"answered {answer}" for answer in answers))
    title = "Whose answer was given (% of inputs): mean ± sample standard deviation"
    return Table("confusion", title, columns(*titles), tuple(rows))
