import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from maskscope.report import comparison, show_comparison, show_record
from tests.report.pages import page_of
from tests.report.synthetic import SPEC, make_record


def printed(show, value, width=150):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    show(value, console)
    return console.file.getvalue()


def show_page(record, console):
    show_record(record, page_of(record), console, everything=True)


def test_a_comparison_has_the_common_quantities_and_the_differing_settings(record, lonely):
    other = make_record(seeds=(5,), repeats=0, controls=(), spec=SPEC | {"repeats": 0, "new": True})
    compared = comparison(record, other)
    row = next(row for row in compared.rows if row.label == "accuracy on add with only the weights of add")
    assert row.first == record.quantity("sufficiency", "add", "add").summary
    assert row.difference == pytest.approx(row.second.mean - row.first.mean)
    assert (row.first.n, row.second.n) == (3, 1)
    assert compared.settings == (("repeats", "1", "0"), ("seeds", "0, 1, 2", "5"), ("new", None, "True"))
    assert any("untrained" in label for label in compared.only_first)
    assert compared.only_second == ()


def test_the_difference_of_something_undefined_is_undefined(record, lonely):
    row = next(row for row in comparison(record, lonely).rows if row.label.startswith("what the masks for add and mul share"))
    assert math.isnan(row.difference)
    assert "undefined" in printed(show_comparison, comparison(record, lonely))


def test_a_printed_comparison(record, lonely):
    text = printed(show_comparison, comparison(record, lonely))
    for words in (
        "Settings that differ",
        "0, 1, 2",
        "accuracy on add with only the weights of add",
        "no interval",
        "more in the first record only",
    ):
        assert words in text
    assert "All settings and seeds are the same." in printed(show_comparison, comparison(record, record))


def test_a_printed_record(record):
    text = printed(show_page, record)
    for words in (
        "9 claims",
        "n = 3 networks",
        "selective removal",
        "not supported",
        "mul removed",
        "normalised sharing",
        "seeds 0, 1, 2",
    ):
        assert words in text


def test_a_printed_record_of_double_addition(double):
    text = printed(show_page, double, 220)
    for words in ("Reuse (P_reuse)", "the paper", "says nothing", "pair-1 removed", "hidden weights", "p, Holm", "Stable core"):
        assert words in text
    assert "Lacking" not in text


def test_a_printed_contradiction(record):
    against = [one for one in record.verdicts if one.contradicts_paper]
    assert [one.name for one in against] == ["selective removal"]
    alike = replace(record, spec=record.spec | {"hidden": [2000, 2000, 2000, 2000]})
    assert "This contradicts the paper: “selective removal” is not supported here" in printed(show_page, alike, 200)
    assert "contradicts the paper" not in printed(show_page, record, 200)


def test_a_printed_record_of_one_network(lonely):
    text = printed(show_page, lonely, 220)
    assert "Lacking: needs 1 repeat(s) for the ceiling, has 0; run again with --repeats 1 (claims: different weights" in text
    assert "no interval" in text
    assert "undefined" in text


def test_names_are_never_markup():
    record = make_record(functions=("[red]x", "[/]y"), seeds=(0,), controls=())
    assert "[red]x" in printed(show_page, record)
    assert "[/]y" in printed(show_comparison, comparison(record, record))
