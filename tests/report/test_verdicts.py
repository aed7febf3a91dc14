import dataclasses

import pytest

from maskscope.analysis import summarise
from maskscope.engine.claims import Claim, Condition, Lack, judge
from maskscope.engine.quantities import Quantity
from maskscope.report.headline import answer, tally
from maskscope.report.readings.files import csv_text, latex_text
from maskscope.report.verdicts import (
    AGREES,
    CONTRADICTS,
    OPEN,
    RULE,
    agreements,
    asked_text,
    beside_the_paper,
    claim_groups,
    claims_table,
    contradictions,
    reasons,
    verdict_word,
)
from tests.report.pages import cautions, key_titles, page, page_of, sentences


@pytest.fixture
def undrawn(monkeypatch):
    """Pages of text alone."""
    monkeypatch.setattr("maskscope.report.readings.html.inline_figures", lambda record: {})


def with_verdict(record, name, verdict, paper):
    changed = [dataclasses.replace(one, verdict=verdict, paper=paper) if one.name == name else one for one in record.verdicts]
    return dataclasses.replace(record, verdicts=tuple(changed))


def of_paper_size(record):
    """The same record on networks of the size that the paper's main results are about."""
    return dataclasses.replace(record, spec=record.spec | {"hidden": [2000, 2000, 2000, 2000]})


@pytest.mark.parametrize(
    ("verdict", "paper", "word"),
    [
        ("supported", "supported", AGREES),
        ("not supported", "supported", CONTRADICTS),
        ("supported", "not supported", CONTRADICTS),
        ("not supported", "not supported", AGREES),
        ("inconclusive", "supported", OPEN),
        ("supported", "", ""),
    ],
)
def test_a_verdict_beside_the_paper(double, verdict, paper, word):
    record = with_verdict(of_paper_size(double), "reuse", verdict, paper)
    one = next(one for one in record.verdicts if one.name == "reuse")
    assert beside_the_paper(one) == word
    assert any("“reuse”" in sentence for sentence in contradictions(record)) == (word == CONTRADICTS)
    assert any("reuse" in sentence for sentence in agreements(dataclasses.replace(record, verdicts=(one,)))) == (
        word != CONTRADICTS
    )


def test_what_the_paper_says_of_larger_networks_is_not_contradicted(double, undrawn):
    assert double.other_size == "hidden 2000-2000-2000-2000 in the paper, 400-400-200 here"
    assert of_paper_size(double).other_size == ""
    record = with_verdict(double, "reuse", "supported", "not supported")
    assert contradictions(record) == []
    assert any("not found at this size: reuse." in sentence for sentence in agreements(record))
    html = page(record)
    assert "supported<small>not at this size</small>" in html
    assert "contradicts the paper" not in html


def test_a_contradiction_stands_at_the_head_of_the_page(double, undrawn):
    record = with_verdict(of_paper_size(double), "reuse", "supported", "not supported")
    html = page(record)
    sentence = contradictions(record)[0]
    assert "is supported here (mlp, preset quick, 3 networks); Csordás et al. 2021 report it as not supported" in sentence
    assert html.index("This contradicts the paper:") < html.index("</header>")
    assert "contradicts the paper" not in page(with_verdict(of_paper_size(double), "reuse", "inconclusive", "not supported"))


def test_a_verdict_that_agrees_is_no_failure(double):
    tones = {claim.verdict.name: claim.tone for group in claim_groups(double)[1] for claim in group.claims}
    verdicts = {one.name: (one.verdict, one.paper) for one in double.verdicts}
    agreed = [name for name, found in verdicts.items() if found == ("not supported", "not supported")]
    failed = [name for name, (verdict, paper) in verdicts.items() if verdict == "not supported" and paper != verdict]
    assert agreed
    assert failed
    assert {tones[name] for name in agreed} == {"agreed"}
    assert {tones[name] for name in failed} == {"not-supported"}


def test_claims_are_grouped_by_what_they_are_about(double, record):
    assert [group.title.partition(":")[0] for group in claim_groups(double)[1]] == ["Reuse (P_reuse)", "Method"]
    assert [group.title.partition(":")[0] for group in claim_groups(record)[1]] == ["Specialisation (P_specialize)", "Method"]
    numbers = [claim.number for group in claim_groups(double)[1] for claim in group.claims]
    assert sorted(numbers) == list(range(1, len(double.verdicts) + 1))


def test_the_table_of_claims_has_the_paper(double):
    text = csv_text(claims_table(double))
    assert text.splitlines()[0].startswith("group,claim,verdict,the paper,this record,question")
    assert "says nothing" in text
    assert "not supported,not supported,as in the paper" in text
    assert "the paper" in latex_text(claims_table(double))


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
    asked = claims["reuse with copied input and output"].conditions
    assert "(copied-io network)" in asked[0]
    assert asked[1] == (
        "4 premises hold: the network performs its functions, accuracy at least .95; each mask performs its own function, "
        "accuracy at least .95"
    )
    assert len(asked) == 2
    untold = next(claim.verdict for claim in claims.values() if claim.verdict.premises)
    failed = dataclasses.replace(untold, premises=tuple(dataclasses.replace(one, kind="open") for one in untold.premises))
    told = claim_groups(dataclasses.replace(double, verdicts=(failed,)))[1][0].claims[0].conditions
    assert sum(text.startswith("Premise: ") for text in told) == len(failed.premises)
    assert not any("copied-io" in text for text in claims["reuse"].conditions)


def test_the_answer_is_one_sentence_of_the_numbers(double, record, lonely):
    assert (
        answer(double, page_of(double))
        == "Pair-1 and pair-2 are the same function, and use mostly different hidden weights: no reuse."
    )
    assert tally(lonely) == "measured on one network, nothing tested"


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
    address = "accuracy on mul with only the weights of add (untrained network): "
    assert reasons(verdict_on([0.99, 1.0, 0.98])) == [
        "Premise: accuracy on mul, no mask: not measured, or undefined on every network, asked at least .95",
        address + "0.990 [0.965, 1.015], asked at least .9",
    ]
    assert reasons(verdict_on([0.99]))[1] == address + "0.990, asked at least .9"
    undefined = reasons(verdict_on([0.99, 0.99, float("nan")], relation="<="))[1]
    assert undefined == address + "0.990 [0.990, 0.990] (undefined on 1 of 3 networks), asked at most .9"
    assert reasons(verdict_on([-0.0001, 0.0001]))[1].startswith(address + "0.000 [-0.001, 0.001]")
    assert reasons(verdict_on([-1e-6, -1e-6]))[1].startswith(address + "0.000 [0.000, 0.000]")
    lacks = (Lack("needs 1 repeat(s), has 0", "with --repeats 1"),)
    assert reasons(verdict_on([0.99], lacks=lacks)) == ["needs 1 repeat(s), has 0; run again with --repeats 1"]


def test_what_was_asked_in_words():
    verdict = verdict_on([0.99])
    assert asked_text(verdict) == (
        "accuracy on mul, no mask: at least .95 (premise); "
        "accuracy on mul with only the weights of add (untrained network): at least .9."
    )
    assert "inconclusive otherwise, and always with one network." in RULE


def test_one_network_is_measured_and_not_tested():
    condition = Condition("sufficiency", "add", "mul", ">=", 0.9)
    for value, word in ((0.95, "holds on this network"), (0.8, "does not hold on this network")):
        found = Quantity("sufficiency", "add", "mul", "trained", summarise([value]), "share")
        assert verdict_word(judge(Claim("kept", "Is it kept?", (condition,)), [found])) == word
        premised = judge(Claim("kept", "Is it kept?", (), (condition,)), [found])
        assert (verdict_word(premised) == "premise fails on this network") == (value < 0.9)
    two = Quantity("sufficiency", "add", "mul", "trained", summarise([0.8, 0.95]), "share")
    assert verdict_word(judge(Claim("kept", "Is it kept?", (condition,)), [two])) == "inconclusive"
    assert verdict_word(verdict_on([0.99], lacks=(Lack("needs it", "so"),))) == "not asked"


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
