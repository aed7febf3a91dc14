import math
from dataclasses import replace

import pytest

from maskscope.analysis import summarise
from maskscope.engine.claims import Claim, Condition, Lack, judge
from maskscope.engine.quantities import Quantity, unit_of
from maskscope.errors import UnknownNameError
from maskscope.procedure.units import UNITS

CLAIM = Claim(
    "kept",
    "Is it kept?",
    (Condition("sufficiency", "add", "add", ">=", 0.9), Condition("sufficiency", "add", "mul", "<=", 0.5)),
)


def quantities(own, other):
    return [
        Quantity("sufficiency", "add", "add", "trained", summarise(own), "share"),
        Quantity("sufficiency", "add", "mul", "trained", summarise(other), "share"),
        Quantity("sufficiency", "add", "add", "untrained", summarise([0.0, 0.0]), "share"),
    ]


@pytest.mark.parametrize(
    ("own", "other", "verdict"),
    [
        ([0.99, 1.0, 0.98], [0.1, 0.12, 0.11], "supported"),
        ([0.99, 1.0, 0.98], [0.8, 0.82, 0.81], "not supported"),
        ([0.5, 0.51, 0.52], [0.1, 0.12, 0.11], "not supported"),
        ([0.99, 1.0, 0.6], [0.1, 0.12, 0.11], "inconclusive"),
        ([0.99], [0.1], "inconclusive"),
        ([0.99, 0.99, math.nan], [0.1, 0.12, 0.11], "inconclusive"),
        ([math.nan, math.nan], [0.1, 0.1], "inconclusive"),
        ([1.0, 1.0, 1.0], [0.5, 0.5, 0.5], "supported"),
        ([0.9, 0.9, 0.9], [0.5, 0.5, 0.5], "supported"),
    ],
)
def test_all_three_verdicts(own, other, verdict):
    found = judge(CLAIM, quantities(own, other))
    assert found.verdict == verdict
    assert len(found.conditions) == 2


def test_a_premise_that_fails_leaves_the_question_open():
    able = Condition("accuracy", "", "add", ">=", 0.95)
    claim = replace(CLAIM, premises=(able,))
    found = quantities([0.1, 0.12, 0.11], [0.1, 0.12, 0.11])
    assert judge(claim, found).verdict == "inconclusive", "the premise was not measured"
    assert (
        judge(claim, [*found, Quantity("accuracy", "", "add", "trained", summarise([0.2, 0.2, 0.2]), "share")]).verdict
        == "inconclusive"
    )
    learned = judge(claim, [*found, Quantity("accuracy", "", "add", "trained", summarise([1.0, 1.0, 1.0]), "share")])
    assert learned.verdict == "not supported"
    assert [one.condition for one in learned.outcomes] == [able, *claim.conditions]
    assert [one.kind for one in learned.premises] == ["satisfied"]


def test_what_is_lacking_decides_before_any_number():
    lacks = (Lack("needs the control untrained", "with it among --controls"), Lack("needs 1 repeat", "with --repeats 1"))
    found = judge(replace(CLAIM, paper="supported"), quantities([0.5] * 3, [0.1] * 3), lacks)
    assert (found.verdict, found.lacks, found.contradicts_paper) == ("inconclusive", lacks, False)
    assert all((one.kind, one.found, one.lacks) == ("lacking", None, lacks) for one in found.outcomes)
    against = judge(replace(CLAIM, paper="supported"), quantities([0.5] * 3, [0.1] * 3))
    assert against.contradicts_paper
    assert against.lacks == ()


@pytest.mark.parametrize(
    ("values", "kind", "n", "undefined"),
    [
        ([0.99, 1.0, 0.98], "satisfied", 3, 0),
        ([0.5, 0.51, 0.52], "violated", 3, 0),
        ([0.99, 1.0, 0.6], "open", 3, 0),
        ([0.99, 0.99, math.nan], "open", 2, 1),
        ([0.99], "open", 1, 0),
        ([math.nan, math.nan], "open", 0, 2),
    ],
)
def test_an_outcome_says_what_was_found_and_on_how_many_networks(values, kind, n, undefined):
    outcome = judge(CLAIM, quantities(values, [0.1])).conditions[0]
    assert (outcome.kind, outcome.n, outcome.undefined) == (kind, n, undefined)
    assert str(outcome.found) == str(summarise(values))


def test_what_was_not_measured_is_open():
    outcome = judge(CLAIM, []).conditions[0]
    assert (outcome.kind, outcome.found, outcome.n, outcome.undefined) == ("open", None, 0, 0)


def test_a_unit_is_known_for_every_measure_and_for_no_other():
    assert unit_of("loss beyond random removal", UNITS) == "difference of shares"
    with pytest.raises(UnknownNameError, match="did you mean.*'sufficiency'|sufficiency"):
        unit_of("sufficency", UNITS)
