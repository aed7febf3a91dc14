"""Answers of networks of sequences beside the right ones: marks, words, escaping, and which examples are shown."""

from dataclasses import replace

import pytest

from maskscope.procedure.record import MaskRecord
from maskscope.studies.sequences.answers import Run, aligned, faults, marks, ruler, seen_words, short_forms, shown_as
from maskscope.studies.sequences.result import AnsweredExample
from tests.report.pages import all_tables, page, sections
from tests.report.synthetic_sequences import make_mathematics_record, make_scan_record
from tests.report.test_page import HOSTILE, outline
from tests.report.test_sequence_pages import rows_of, shown, words_of


@pytest.fixture(scope="module")
def scan():
    return make_scan_record((0,))


@pytest.fixture(scope="module")
def scan_html(scan):
    return page(scan)


def examples_of(record):
    return next(section.examples for section in sections(record) if section.examples)


@pytest.mark.parametrize(
    ("given", "expected", "words"),
    [
        ("abcd", ["right"] * 4, "right"),
        ("ab", ["right", "right", "missing", "missing"], "2 missing, from place 3"),
        ("", ["missing"] * 4, "4 missing, from place 1"),
        ("abcdab", ["right"] * 4 + ["superfluous"] * 2, "2 superfluous, from place 5"),
        ("axcd", ["right", "wrong", "right", "right"], "1 wrong, from place 2"),
        ("bcd", ["wrong"] * 3 + ["missing"], "3 wrong, 1 missing, from place 1"),
        ("axcdz", ["right", "wrong", "right", "right", "superfluous"], "1 wrong, 1 superfluous, from place 2"),
    ],
)
def test_answers_are_compared_place_by_place(given, expected, words):
    assert marks("abcd", given) == expected
    assert faults("abcd", given) == words


def test_runs_of_the_same_mark_stand_together():
    forms = shown_as("1234 ")
    assert aligned("1 2 3", "1 4", forms) == (Run("right", "1 "), Run("wrong", "4"), Run("missing", "··"))
    assert aligned("12", "1 2", forms) == (Run("right", "1"), Run("wrong", "␣"), Run("superfluous", "2"))
    actions = shown_as(("I_JUMP", "I_TURN_LEFT"))
    assert aligned(("I_JUMP",), ("I_TURN_LEFT", "I_JUMP"), actions) == (Run("wrong", "<"), Run("superfluous", "J"))
    unknown = shown_as(("go", "I_JUMP"))
    assert aligned(("go", "go"), ("go", "I_JUMP"), unknown) == (Run("right", "go"), Run("wrong", "I_JUMP"))
    assert ruler(12) == "    5   10"
    assert ruler(4) == ""


def test_marks_are_told_by_more_than_colour(scan_html):
    for mark in ("wrong", "missing", "superfluous"):
        assert f'class="{mark}"><i class="said"> {mark}: </i>' in scan_html
    assert "✗ 3 missing, from place 3" in scan_html
    text = words_of(scan_html)
    for form, token in (("<", "I_TURN_LEFT"), ("J", "I_JUMP")):
        assert f"{form} {token}" in text
    assert short_forms(make_mathematics_record((0,)))["7"] == "7"


def test_examples_say_who_answered_and_what_was_seen(scan):
    group = next(
        group for section in sections(scan) if section.examples for group in section.examples.groups if group.title == "Test jump"
    )
    assert {example.seen for example in group.shown} == {"seen in training", "not seen in training"}
    first = group.shown[0]
    who = [answer.who for answer in first.answers]
    assert who[:4] == ["no mask", "full mask", "mask jump", "trained on jump alone"]
    assert set(who[4:]) == {"mask length", "mask turn_left", "trained on length alone", "trained on turn_left alone"}
    assert [answer.right for answer in first.answers[:3]] == [True, True, False]
    record_examples = scan.networks[0].more.examples
    assert len(group.shown) + len(group.folded) == sum(example.test == "jump" for example in record_examples)
    assert {seen_words(example) for example in record_examples} == {"yes", "no"}


def test_the_table_of_examples_has_every_token(scan):
    rows = rows_of(next(table for table in all_tables(scan) if table.name == "examples"))
    example = scan.networks[0].more.examples[0]
    here = [row for row in rows if (row["group"], row["question"]) == (example.test, example.question)]
    assert {row["answered by"]: row["answered"] for row in here}["mask jump"] == " ".join(example.given["jump"])
    assert all(row["right answer"] == " ".join(example.answer) for row in here)
    assert len(here) == len(example.given)


def with_examples(record: MaskRecord, *examples: AnsweredExample) -> MaskRecord:
    networks = [replace(one, more=replace(one.more, examples=examples)) for one in record.networks]
    return replace(record, networks=tuple(networks))


def test_hostile_text_is_text():
    example = AnsweredExample("jump", HOSTILE, (HOSTILE, "&"), False, {"unmasked": (HOSTILE,), "all": ("<b>", "&", "x")})
    record = with_examples(make_scan_record((0,), ("jump",)), example)
    html = page(record)
    outline(html)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 3
    shown(record)


def test_a_record_without_examples_has_no_such_section():
    record = with_examples(make_mathematics_record((0,)))
    assert "examples" not in {section.id for section in sections(record)}
    outline(page(record))


def test_an_example_nobody_answered_is_shown():
    record = with_examples(make_mathematics_record((0,)), AnsweredExample("easy", "1?", (), False, {"unmasked": ()}))
    assert "✓ right" in page(record)
