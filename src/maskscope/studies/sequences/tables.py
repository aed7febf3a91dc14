"""The tables of sequences: the tests, accuracy on each, what masks lose, rows of the output map, dropout, and examples."""

from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.numbers import Points, number_of
from maskscope.report.over_networks import WHOLE, mask_label, mask_names
from maskscope.report.table import Cell, Column, Row, Table, columns
from maskscope.studies.sequences.answers import examples, faults, in_order, seen_words, tokens_text, who_words
from maskscope.studies.sequences.numbers import NEVER_SEEN, TRAINED_ON_IT
from maskscope.studies.sequences.values import (
    DROPPING,
    alone,
    everyone,
    families,
    is_scan,
    noun,
    part_of,
    results,
    share_text,
    trained_on,
    what_it_is,
)
from maskscope.tasks.sequences import FOUND_WITH, UNSEEN

_SPREAD = "mean ± sample standard deviation over networks"


def evaluation_table(record: MaskRecord[Any]) -> Table:
    """What accuracy is measured on, and how much of that the network was trained on."""
    rows = []
    for test in record.functions:
        part = part_of(record, test)
        counts: list[Cell] = [None, None, None, None]
        if part is not None and test.endswith(UNSEEN):
            counts = [part.items - part.seen, part.judged_unseen, 0, Points((0.0,), "percent")]
        elif part is not None:
            counts = [part.items, part.judged, part.seen, Points((part.seen / part.items,), "percent")]
        rows.append(Row("", (test, what_it_is(record, test), *counts)))
    titles = (Column("test"), Column("what it is", long=True))
    counted = columns(f"{noun(record)}s", "accuracy is over", "seen in training", "seen (%)")
    return Table(
        "tests", f"The tests, and how many of their {noun(record)}s the network was trained on", titles + counted, tuple(rows)
    )


def scores_table(record: MaskRecord[Any]) -> Table:
    """Accuracy on every test, of the network without and with each mask and of the networks trained on one part alone."""
    asked = everyone(record)
    rows = []
    for test in record.functions:
        found = [record.quantity(measure, mask, test) for _, measure, mask in asked]
        rows.append(Row(heading_of(record, test), (test, *(number_of(one) for one in found))))
    title = f"Accuracy on every test (%): {_SPREAD}"
    return Table("scores", title, columns("accuracy on", *(one.label for one in asked)), tuple(rows))


def heading_of(record: MaskRecord[Any], test: str) -> str:
    """The heading of a test's rows, which says how much of it was seen in training."""
    if not is_scan(record):
        return ""
    name = test.removesuffix(UNSEEN).removesuffix(FOUND_WITH)
    part = part_of(record, name)
    if part is None or not part.seen:
        return f"Split {name}"
    return f"Split {name}: {share_text(part)} of what it holds out was seen in training ({part.seen:,} of {part.items:,})"


def compared_table(record: MaskRecord[Any]) -> Table:
    """For each mask and test: what the full mask does more than it, and what it does more than a network trained on it alone.

    Source: figure 4a of the paper, and its comparison of masks with networks trained on a split.
    """
    networks = trained_on(record)
    rows = []
    for family in families(record):
        for test in family.tests if is_scan(record) else record.functions:
            asked = [
                ("accuracy", ""),
                ("sufficiency", WHOLE),
                ("sufficiency", family.mask),
                ("gap to the full mask", family.mask),
                ("relative gap to the full mask", family.mask),
            ]
            if networks:
                asked += [(TRAINED_ON_IT, family.mask), (NEVER_SEEN, family.mask)]
            cells = [number_of(record.quantity(measure, mask, test)) for measure, mask in asked]
            rows.append(Row(_compared_group(record, family.mask), (test, *cells)))
    titles = ["test", "no mask", "full mask", "this mask", "full mask's lead", "lead / full mask"]
    titles += ["trained on it alone", "mask's lead over that"] if networks else []
    title = f"Accuracy under each mask beside the full mask (%, leads in percentage points): {_SPREAD}"
    return Table("compared", title, columns(*titles), tuple(rows))


def _compared_group(record: MaskRecord[Any], mask: str) -> str:
    part = part_of(record, mask) if is_scan(record) else None
    if part is None or not part.seen:
        return f"Mask {mask}"
    return f"Mask {mask}: {share_text(part)} of what it was found without was seen in training ({part.seen:,} of {part.items:,})"


def output_table(record: MaskRecord[Any]) -> Table:
    """Weights of each row of the output map that each mask removes; empty where the output map is not masked.

    Source: figure 4b of the paper.
    """
    tokens = list(dict.fromkeys(token for result in results(record) for rows in result.rows for token in rows.by_token))
    masks = mask_names(record)
    rows = [
        Row("", (token, *(number_of(record.quantity("removed of output", mask, token)) for mask in masks))) for token in tokens
    ]
    title = f"Weights removed of the row of the output map that writes a token (%): {_SPREAD}"
    return Table("output", title, columns("token", *(mask_label(mask) for mask in masks)), tuple(rows))


def dropout_table(record: MaskRecord[Any]) -> Table:
    """Accuracy without and with the decoder's dropout in evaluation; empty where that was not measured."""
    asked = [("the network", "accuracy", ""), *((alone(name), TRAINED_ON_IT, name) for name in trained_on(record))]
    rows = []
    for label, measure, mask in asked:
        # of a network trained on a split: what it should know, and what it cannot
        own = [family for family in families(record) if family.mask == mask]
        for test in (record.functions[0], *own[0].tests) if own else record.functions:
            found = [record.quantity(f"{measure}{ending}", mask, test) for ending in ("", DROPPING)]
            if found[1] is not None:
                rows.append(Row(f"{label[0].upper()}{label[1:]}, no mask", (test, *(number_of(one) for one in found))))
    title = f"Accuracy with the decoder's dropout off and on (%): {_SPREAD}"
    return Table("dropout", title, columns("test", "off, as everywhere here", "on, as in the authors' code"), tuple(rows))


def examples_table(record: MaskRecord[Any]) -> Table:
    """Every example with what was answered to it, token by token."""
    rows = []
    for example in examples(record):
        for who in in_order(example):
            given = example.given[who]
            cells = (
                example.question,
                seen_words(example),
                who_words(who),
                faults(example.answer, given),
                tokens_text(example.answer),
                tokens_text(given),
            )
            rows.append(Row(example.test, cells))
    titles = (Column("question", long=True), *columns("seen in training", "answered by", "judged"))
    answers = (Column("right answer", long=True), Column("answered", long=True))
    return Table("examples", "Questions with what was answered", titles + answers, tuple(rows))
