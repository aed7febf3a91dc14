import math
from typing import get_args

import pytest

from maskscope.analysis import summarise
from maskscope.engine.address import study_at
from maskscope.engine.quantities import Quantity
from maskscope.engine.quantities import Unit as RecordedUnit
from maskscope.report.numbers import (
    NOTATION,
    duration_text,
    exact,
    in_words,
    interval_text,
    latex_number,
    mean_text,
    number_of,
    plain,
    points_text,
    short_count,
    spread_text,
)

THREE = summarise([0.98, 0.985, 0.999])
PARTLY = summarise([0.5, math.nan, 0.6])
NONE = summarise([math.nan, math.nan])


def test_mean_spread_and_interval_over_networks():
    assert spread_text(THREE, "percent") == "98.8 ± 1.0\u00a0%"
    assert interval_text(THREE, "percent") == "96.4 to 101.2\u00a0%"
    assert spread_text(THREE, "ratio") == "0.988 ± 0.010"
    assert mean_text(THREE, "ratio") == "0.988"


def test_a_small_spread_is_not_written_as_none():
    assert spread_text(summarise([0.9981, 0.9985]), "percent") == "99.83 ± 0.03\u00a0%"
    assert spread_text(summarise([0.0162, 0.0165]), "ratio") == "0.0163 ± 0.0002"


def test_one_network_has_no_spread_and_no_interval():
    one = summarise([0.5])
    assert spread_text(one, "percent") == "50.0\u00a0%"
    assert interval_text(one, "percent") == "no interval (n = 1)"
    assert latex_number(one, "percent") == "$50.0$"


def test_undefined_is_said_and_is_never_zero():
    for text in (spread_text, interval_text, mean_text, latex_number):
        assert text(NONE, "percent") == "undefined"
    assert plain(math.nan, "ratio") == exact(math.nan) == "undefined"
    assert points_text(PARTLY.values, "ratio") == "0.500, undefined, 0.600"


def test_how_many_networks_are_defined_is_said_if_not_all():
    assert spread_text(PARTLY, "ratio") == "0.550 ± 0.071 (n = 2 of 3)"
    assert latex_number(PARTLY, "ratio") == r"$0.550 \pm 0.071$ ($n = 2$ of 3)"


def test_there_is_no_negative_zero_and_minus_is_a_minus():
    assert plain(-0.00001, "ratio") == "0.000"
    assert plain(-0.25, "percent") == "−25.0"


@pytest.mark.parametrize(
    ("measure", "notation"),
    [
        ("sufficiency", "percent"),
        ("loss beyond random removal", "percent"),
        ("target drop, mean over classes", "percent"),
        ("dice floor", "ratio"),
        ("normalised sharing", "ratio"),
        ("p (Holm)", "ratio"),
    ],
)
def test_a_quantity_is_written_as_its_unit_asks(measure, notation):
    units = study_at("cifar10-class-removal").procedure.units
    found = number_of(Quantity(measure, "", "", "trained", summarise([0.5]), units[measure]))
    assert found.notation == notation


def test_every_unit_has_a_notation():
    assert set(NOTATION) == set(get_args(RecordedUnit))


def test_a_tiny_share_is_not_written_as_none():
    assert spread_text(summarise([7.6e-7, 7.9e-7]), "percent") == "0.000077 ± 0.000002\u00a0%"
    assert plain(3e-5, "percent") == "0.003"


def test_counts_in_three_digits():
    assert [short_count(value) for value in (7.0, 260_800.0, 1_969_600.0)] == ["7", "261 k", "1.97 M"]


def test_names_with_commas_are_told_apart():
    assert in_words(["a", "b, c"]) == "a; b, c"


def test_words():
    assert [in_words(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [duration_text(s) for s in (2.34, 41.2, 725.0, 12_000.0)] == ["2.3 s", "41 s", "12 min 5 s", "3 h 20 min"]
