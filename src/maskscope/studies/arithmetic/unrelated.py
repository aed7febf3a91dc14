"""Overlap against unrelated functions: is it more than masks of such a network have in common anyway?"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from maskscope.analysis import proportion, summarise
from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.overlap import pair_label
from maskscope.report.numbers import Points, count_text, mean_text
from maskscope.report.scale import Null, family, nulls, sharing_pairs
from maskscope.report.section import Figure, Section, short_or_folded
from maskscope.report.table import Cell, Row, Table, columns
from maskscope.studies.arithmetic.drawing import null_panels


def null_section(record: MaskRecord[Any]) -> Section | None:
    """Overlap against unrelated functions; None without such."""
    found = [null for pair in sharing_pairs(record) for null in nulls(record, pair)]
    if not found:
        return None
    table, count = null_table(record), count_text(len(found[0].test.null), "network")
    return Section(
        "null",
        "Is it more than masks of such a network have in common anyway?",
        (
            "Masks follow the values of the weights, so that masks for unrelated functions have something in common too, "
            f"more or less than density gives. Beside each network stand {count} from the same initial weights, trained in the "
            "same way on an arbitrary function in place of the last one, with masks for both. Every overlap is within one "
            "network. p is the share of overlaps, the one in question included, that reach it.",
            _validity(record, found),
            f"Family of Holm's correction: {count_text(family(record), 'test')}, every pair of functions on one network. "
            + _significant(found),
        ),
        (Figure("null", partial(null_panels, record)),),
        "A row for each network. Small marks: on each network of its null, the overlap of the masks for the first function and "
        "for the arbitrary one. Upright line: of the two masks in question. p as it is, and after Holm.",
        *short_or_folded(table),
        terminal=(table,),
        short="Unrelated functions",
    )


def _significant(found: Sequence[Null]) -> str:
    """On how many networks p after Holm is at most .05, of those where it is defined."""
    defined = [null.p_holm for null in found if not math.isnan(null.p_holm)]
    if not defined:
        return "No p is defined: the networks of the null do not do their arbitrary functions."
    share = proportion(sum(p <= 0.05 for p in defined), len(defined))
    return (
        f"p after Holm is at most .05 in {share.successes} of {count_text(share.n, 'test')} "
        f"(exact 95 % interval of the share: {share.low:.2f} to {share.high:.2f})."
    )


def _validity(record: MaskRecord[Any], found: Sequence[Null]) -> str:
    """Whether unrelated functions were learned as well as the function in whose place they are."""
    able = [value for null in found for value in null.accuracy if not math.isnan(value)]
    own = record.quantity("accuracy", "", record.functions[-1])
    text = "The test is valid as far as those networks do the arbitrary function as well as this one does its own. "
    if not able or own is None:
        return f"{text}How well they do was not measured."
    mean, lowest = summarise([sum(able) / len(able)]), summarise([min(able)])
    return (
        f"{text}They are right on {mean_text(mean, 'percent')} of inputs on average, the worst on "
        f"{mean_text(lowest, 'percent')}; the networks in question on {mean_text(own.summary, 'percent')}."
    )


def null_table(record: MaskRecord[Any]) -> Table:
    """For each network: the overlap that was found, among overlaps with unrelated functions on networks trained for that."""
    rows = []
    for pair in sharing_pairs(record):
        for null in nulls(record, pair):
            found = sorted(null.test.null)
            numbers = (null.test.observed, found[0], sum(found) / len(found), found[-1], null.test.p, null.p_holm)
            able = sum(null.accuracy) / len(null.accuracy) if null.accuracy else math.nan
            cells: list[Cell] = [f"seed {null.seed}", *(Points((number,), "ratio") for number in numbers), len(found)]
            rows.append(Row(pair_label(pair), (*cells, Points((able,), "percent"))))
    titles = ("network", "found, Dice", "lowest unrelated", "mean", "highest", "p", "p, Holm", "unrelated", "their accuracy (%)")
    title = f"Overlap against unrelated functions; Holm over {count_text(family(record), 'test')}, the pairs of one network"
    return Table("null", title, columns(*titles), tuple(rows))
