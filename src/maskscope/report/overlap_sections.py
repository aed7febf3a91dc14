"""The sections on what masks have in common: overlap on its scale, a null, stable cores, copied input and output."""

import math
from collections.abc import Sequence
from dataclasses import replace

from maskscope.analysis import proportion, summarise
from maskscope.procedure.result import Record
from maskscope.report.across import NULL_CONTROLS, VARIANTS, asks_reuse, few_pairs, networks, repeated
from maskscope.report.kinds import kind_of
from maskscope.report.numbers import count_text, mean_text
from maskscope.report.overlap_tables import core_table, null_table, overlap_table, sharing_tables
from maskscope.report.scale import Null, family, nulls, sharing_pairs
from maskscope.report.section import Section, spread_note
from maskscope.report.tables import removal_table

_CAPTION = (
    "Grey tick: floor. Coloured ticks: ceilings, one for each function. Band: from floor to highest ceiling. Black: the "
    "overlap that was found between the masks of different functions, with each network and the 95 % t-interval."
)
_LONE_CAPTION = "Grey tick: floor. Black: the overlap that was found, with each network and the 95 % t-interval."
_MATRIX_CAPTION = (
    "Mean over networks, over all tensors. Diagonal: two masks for one function, the ceiling for its row and column; the "
    "floors are in the table."
)
# tables with more rows, and more tables of pairs, are folded
_LONG, _MANY = 40, 3


def overlap_section(record: Record) -> Section:
    """Overlap of the trained network's masks, and of the controls', on its scale and by layer."""
    sequences = kind_of(record) == "sequences"
    lone = sequences and not repeated(record)
    by_layer = overlap_table(record)
    shown, folded = sharing_tables(record, ("trained",)), [by_layer]
    if len(shown) > _MANY:
        shown, folded = [], [*shown, *folded]
    elif len(by_layer.rows) <= _LONG:
        shown, folded = [*shown, by_layer], []
    alone = "; controls, one mask a function and so no ceiling"
    folded += [replace(table, title=table.title + alone) for table in sharing_tables(record, NULL_CONTROLS) if table.rows]
    return Section(
        "overlap",
        "Overlap of the masks",
        (
            "An overlap means little by itself. The floor is what masks of these sizes share when nothing else is known "
            "(independent masks of the same density). The ceiling is what two masks for one function on the same network "
            "share, found with other noise and other data order: masks cannot be expected to agree more than that.",
            "Normalised sharing puts the Dice overlap on that scale, 0 at the floor and 1 at the ceiling. Above 0 means more "
            "overlap than density gives; that alone is no evidence of reuse.",
            *([_PLACES] if asks_reuse(record) and not sequences else []),
            *([_SAME_QUESTIONS] if sequences else []),
            *([_NOT_REPEATED] if lone else []),
            *([] if family(record) or sequences else [_NO_NULL]),
        ),
        ("overlap",) if lone else ("sharing", "overlap"),
        (_LONE_CAPTION if lone else _CAPTION) if few_pairs(record) else _MATRIX_CAPTION,
        tuple(shown),
        tuple(folded),
    )


_PLACES = (
    "Two places cannot share the weights of their own inputs and outputs. What they could share is among the hidden weights: "
    "that row is the one to read."
)
_SAME_QUESTIONS = (
    "Each of these masks was found with a part of the questions. Parts may have many in common, and so may their masks."
)
_NOT_REPEATED = "There is no ceiling, and so no normalised sharing: each mask was found once. Run again with --repeats 1."
_NO_NULL = (
    "No p-values: no networks with an unrelated function were trained. Run again with --unrelated 19, the least that can reach "
    "p = .05."
)


def null_section(record: Record) -> Section | None:
    """Overlap against unrelated functions; None without such."""
    found = [null for pair in sharing_pairs(record) for null in nulls(record, pair)]
    if not found:
        return None
    count = count_text(len(found[0].test.null), "network")
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
        ("null",),
        "A row for each network. Grey: on each network of its null, the overlap of the masks for the first function and for "
        "the arbitrary one. Black: of the two masks in question. p as it is, and after Holm.",
        (null_table(record),) if len(found) <= _LONG else (),
        (null_table(record),) if len(found) > _LONG else (),
        "Unrelated functions",
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


def _validity(record: Record, found: Sequence[Null]) -> str:
    """Whether what is unrelated is alike: as well learned as the function whose place it has."""
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


def core_section(record: Record) -> Section | None:
    """The stable core; None with too few repeats."""
    table = core_table(record)
    if not table.rows:
        return None
    return Section(
        "core",
        "Stable core",
        (
            "A single mask holds weights that another run would not have taken. The stable core of a function is what most "
            "of its repeats keep. It means something as far as it is larger than what independent masks of those sizes "
            "would have in common.",
        ),
        tables=(table,),
    )


def copied_section(record: Record) -> Section | None:
    """The whole procedure with copied input and output weights; None if it was not run."""
    if not networks(record, variant="copied-io"):
        return None
    by_layer = overlap_table(record, "copied-io")
    sharing = sharing_tables(record, ("copied-io",))
    start = VARIANTS["copied-io"]
    groups = [row.group for row in removal_table(record).rows if row.group.startswith(start)]
    long = len(by_layer.rows) > _LONG
    return Section(
        "copied-io",
        start,
        (
            "In the trained network, both places were given the same input and output weights, without further training. "
            "All of the hidden computation can then be shared. If the masks still lie apart, or removing one spares the "
            "other, that is not because the places had weights of their own.",
        ),
        ("copied-io", "copied-io-overlap"),
        "Accuracy: only these weights kept; only they removed; only hidden ones removed. Overlap by tensor: as above. "
        + spread_note(record),
        (removal_table(record).only(*groups), *sharing, *(() if long else (by_layer,))),
        (by_layer,) if long else (),
    )
