import math
from dataclasses import replace

import pytest

from maskscope.analysis import summarise
from maskscope.experiments.claims import Claim, Condition, Quantity, judge

CLAIM = Claim(
    "kept",
    "Is it kept?",
    (Condition("sufficiency", "add", "add", ">=", 0.9), Condition("sufficiency", "add", "mul", "<=", 0.5)),
)


def quantities(own, other):
    return [
        Quantity("sufficiency", "add", "add", "trained", summarise(own)),
        Quantity("sufficiency", "add", "mul", "trained", summarise(other)),
        Quantity("sufficiency", "add", "add", "untrained", summarise([0.0, 0.0])),
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
    assert len(found.reasons) == 2


def test_a_premise_that_fails_leaves_the_question_open():
    able = Condition("accuracy", "", "add", ">=", 0.95)
    claim = replace(CLAIM, premises=(able,))
    found = quantities([0.1, 0.12, 0.11], [0.1, 0.12, 0.11])
    assert judge(claim, found).verdict == "inconclusive", "the premise was not measured"
    assert (
        judge(claim, [*found, Quantity("accuracy", "", "add", "trained", summarise([0.2, 0.2, 0.2]))]).verdict == "inconclusive"
    )
    learned = judge(claim, [*found, Quantity("accuracy", "", "add", "trained", summarise([1.0, 1.0, 1.0]))])
    assert learned.verdict == "not supported"
    assert len(learned.reasons) == 3
    assert "accuracy of add >= 0.95 (premise)" in claim.rule
    assert "(copied-io)" in replace(claim, premises=(replace(able, variant="copied-io"),)).rule


def test_what_is_lacking_decides_before_any_number():
    found = judge(replace(CLAIM, paper="supported"), quantities([0.5] * 3, [0.1] * 3), ("needs more",))
    assert (found.verdict, found.reasons, found.contradicts_paper) == ("inconclusive", ("needs more",), False)
    against = judge(replace(CLAIM, paper="supported"), quantities([0.5] * 3, [0.1] * 3))
    assert against.contradicts_paper


def test_reasons_say_what_was_found_and_asked():
    found = judge(CLAIM, quantities([0.99, 1.0, 0.98], [0.1, 0.12, 0.11]))
    assert found.reasons[0].startswith("sufficiency of add, mask add: 0.990, 95 % interval 0.965 to 1.015, n = 3; asked: >= 0.9")
    assert "one network, no interval" in judge(CLAIM, quantities([0.99], [0.1])).reasons[0]
    assert "undefined on 1 of 3" in judge(CLAIM, quantities([0.99, 0.99, math.nan], [0.1, 0.1, 0.1])).reasons[0]
    assert "not measured" in judge(CLAIM, []).reasons[0]


def test_the_rule_is_printed_with_its_constants():
    assert ">= 0.9" in CLAIM.rule
    assert "<= 0.5" in CLAIM.rule
    assert "inconclusive otherwise" in CLAIM.rule
