import dataclasses

import pytest

from maskscope.analysis import summarise
from maskscope.engine.claims import Claim, Condition, Lack, judge
from maskscope.engine.quantities import Quantity
from maskscope.report.headline import headline
from maskscope.report.readings.files import csv_text, latex_text
from maskscope.report.verdicts import (
    RULE,
    agreements,
    asked_text,
    beside_the_paper,
    claim_groups,
    claims_table,
    contradictions,
    reasons,
)
from tests.report.pages import cautions, key_titles, page, sentences


@pytest.fixture
def undrawn(monkeypatch):
    """Pages of text alone."""
    monkeypatch.setattr("maskscope.report.readings.html.inline_figures", lambda record: {})


def with_verdict(record, name, verdict, paper):
    changed = [dataclasses.replace(one, verdict=verdict, paper=paper) if one.name == name else one for one in record.verdicts]
    return dataclasses.replace(record, verdicts=tuple(changed))


@pytest.mark.parametrize(
    ("verdict", "paper", "word"),
    [
        ("supported", "supported", "agrees"),
        ("not supported", "supported", "contradicts"),
        ("supported", "not supported", "contradicts"),
        ("not supported", "not supported", "agrees"),
        ("inconclusive", "supported", "leaves open"),
        ("supported", "", ""),
    ],
)
def test_a_verdict_beside_the_paper(double, verdict, paper, word):
    record = with_verdict(double, "reuse", verdict, paper)
    one = next(one for one in record.verdicts if one.name == "reuse")
    assert beside_the_paper(one) == word
    assert any("“reuse”" in sentence for sentence in contradictions(record)) == (word == "contradicts")
    assert any("reuse" in sentence for sentence in agreements([one])) == (word != "contradicts")


def test_a_contradiction_stands_at_the_head_of_the_page(double, undrawn):
    record = with_verdict(double, "reuse", "supported", "not supported")
    html = page(record)
    sentence = contradictions(record)[0]
    assert "is supported here (mlp, preset quick, 3 networks); Csordás et al. 2021 report it as not supported" in sentence
    assert html.index("This contradicts the paper:") < html.index("</header>")
    assert "contradicts the paper" not in page(with_verdict(double, "reuse", "inconclusive", "not supported"))


def test_claims_are_grouped_by_what_they_are_about(double, record):
    assert [group.title.partition(":")[0] for group in claim_groups(double)[1]] == ["Reuse (P_reuse)", "Method"]
    assert [group.title.partition(":")[0] for group in claim_groups(record)[1]] == ["Specialisation (P_specialize)", "Method"]
    numbers = [claim.number for group in claim_groups(double)[1] for claim in group.claims]
    assert sorted(numbers) == list(range(1, len(double.verdicts) + 1))


def test_the_table_of_claims_has_the_paper(double):
    text = csv_text(claims_table(double.verdicts))
    assert text.splitlines()[0].startswith("group,claim,verdict,the paper,this record,question")
    assert "says nothing" in text
    assert "not supported,not supported,agrees" in text
    assert "the paper" in latex_text(claims_table(double.verdicts))


def test_what_is_missing_is_shown_with_its_cure(lonely, undrawn):
    found = {claim.verdict.name: claim.lacking for group in claim_groups(lonely)[1] for claim in group.claims}
    second = ("needs a second network for an interval", "run again with --seeds 2 or more")
    assert found["sufficient"] == (second,)
    assert found["different weights"] == (
        ("needs 1 repeat(s) for the ceiling, has 0", "run again with --repeats 1"),
        second,
    )
    assert found["sufficiency beyond the controls"][0][1] == "run again with it among --controls"
    assert "<b>run again with --repeats 1</b>" in page(lonely)


def test_nothing_is_missing_from_a_whole_record(double):
    assert not any(claim.lacking for group in claim_groups(double)[1] for claim in group.claims)


def test_a_condition_on_a_control_says_so(double):
    claims = {claim.verdict.name: claim for group in claim_groups(double)[1] for claim in group.claims}
    asked = [asked for asked, _ in claims["reuse with copied input and output"].conditions]
    assert len(asked) == 5
    assert all("(copied-io)" in text for text in asked)
    assert sum("(premise)" in text for text in asked) == 4
    assert not any("(copied-io)" in asked for asked, _ in claims["reuse"].conditions)


def test_the_headline_is_about_the_networks(double):
    named = " ".join(names for _, names in headline(double))
    assert "second copy" in named
    assert "sufficient" not in named
    bad = with_verdict(double, "sufficient", "not supported", "supported")
    assert "sufficient" in dict(headline(bad))["Not supported"]


def test_double_addition_is_told_by_what_is_left_without_a_copy(double, record):
    text = " ".join(sentences(double))
    spared = double.quantity("necessity", "pair-1", "pair-2").summary.mean
    assert f"{100 * spared:.1f}\u00a0% on pair-2" in text
    assert "Without the hidden ones of mask pair-1 alone" in text
    assert "with copied input and output weights" in text
    assert "Other function without hidden ones alone" in key_titles(double)
    assert "hidden" not in " ".join(sentences(record))


def verdict_on(values, *, relation=">=", lacks=()):
    condition = Condition("sufficiency", "add", "mul", relation, 0.9, "untrained")
    found = Quantity("sufficiency", "add", "mul", "untrained", summarise(values), "share")
    premise = Condition("accuracy", "", "mul", ">=", 0.95)
    return judge(Claim("kept", "Is it kept?", (condition,), (premise,)), [found], lacks)


def test_an_outcome_in_words():
    address = "sufficiency of mul, mask add (untrained): "
    assert reasons(verdict_on([0.99, 1.0, 0.98])) == [
        "accuracy of mul >= 0.95: not measured, or undefined on every network",
        address + "0.990, 95 % interval 0.965 to 1.015, n = 3; asked: >= 0.9",
    ]
    assert reasons(verdict_on([0.99]))[1] == address + "0.990 on one network, no interval"
    undefined = reasons(verdict_on([0.99, 0.99, float("nan")], relation="<="))[1]
    assert undefined == (address + "0.990, 95 % interval 0.990 to 0.990, n = 2; undefined on 1 of 3 networks; asked: <= 0.9")
    lacks = (Lack("needs 1 repeat(s), has 0", "with --repeats 1"),)
    assert reasons(verdict_on([0.99], lacks=lacks)) == ["needs 1 repeat(s), has 0; run again with --repeats 1"]


def test_what_was_asked_in_words():
    verdict = verdict_on([0.99])
    assert asked_text(verdict) == "accuracy of mul >= 0.95 (premise); sufficiency of mul under mask add (untrained) >= 0.9."
    assert "inconclusive otherwise, and always with one network." in RULE


def test_the_rule_stands_over_claims_and_nowhere_else(double):
    assert claim_groups(double)[0] == RULE
    assert claim_groups(dataclasses.replace(double, verdicts=())) == ("", [])


def test_networks_that_did_not_learn_are_said_to_be_so(double, undrawn):
    assert cautions(double) == []
    poor = tuple(
        dataclasses.replace(one, summary=summarise([0.01, 0.02, 0.03]))
        if (one.measure, one.function, one.variant) == ("accuracy", "pair-1", "trained")
        else one
        for one in double.quantities
    )
    record = dataclasses.replace(double, quantities=poor)
    assert "accuracy without a mask is 2.0\u00a0% on pair-1. A verdict" in cautions(record)[0]
    html = page(record)
    assert html.index("have not learned") < html.index("</header>")
