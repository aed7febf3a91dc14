"""The choice of the samples a step: which masks are of equal quality, and who wins."""

from dataclasses import replace

import pytest

from benchmarks.samples import rule
from benchmarks.samples.rule import REFERENCE, Candidate, Quality, Row
from maskscope.studies.addition_multiplication.study import STUDY

COSTS = {rule.step_name(one): 1e-3 * (4 + one.samples) for one in rule.candidates()}
FEW, LATER = Candidate("rao-blackwell", 1, 1_250), Candidate("deterministic", 1, 2_500)


def mask(accuracy=1.0, density=0.1):
    return Quality({"add": accuracy, "mul": accuracy}, density, undecided=0.0)


def row(candidate, seed, **quality):
    return Row(candidate, seed, 0, {name: mask(**quality) for name in rule.FUNCTIONS}, cpu_seconds=1.0)


@pytest.mark.parametrize(
    ("accuracy", "density", "of_reference", "equal"),
    [(0.99, 0.105, 1.0, True), (0.989, 0.1, 1.0, False), (1.0, 0.1051, 1.0, False), (0.95, 0.05, 0.959, True)],
)
def test_equal_quality_is_as_right_and_hardly_larger(accuracy, density, of_reference, equal):
    assert rule.is_equal(mask(accuracy, density), mask(of_reference), "add") is equal
    assert rule.is_equal(mask(accuracy, density), mask(of_reference), rule.WHOLE) is equal


def test_the_winner_is_the_fastest_that_is_equal_on_every_network():
    rows = [row(one, seed) for one in (REFERENCE, FEW, LATER) for seed in (1, 2)]
    rows[3] = row(FEW, 2, density=0.2)
    assert rule.equal_on(rows, FEW) == {1: True, 2: False}
    assert rule.seconds(COSTS, FEW) < rule.seconds(COSTS, LATER)
    tried = []

    def is_equal_on(candidate, seed):
        tried.append((candidate, seed))
        return rule.equal_on(rows, candidate)[seed]

    assert rule.first_equal_everywhere([FEW, LATER, REFERENCE], (1, 2), is_equal_on) == LATER
    assert tried == [(FEW, 1), (FEW, 2), (LATER, 1), (LATER, 2)]
    assert rule.first_equal_everywhere([FEW], (2, 1), is_equal_on) == REFERENCE


def test_candidates_are_the_preset_but_for_what_is_asked():
    found = rule.candidates()
    assert len(found) == len(set(found)) == 19
    assert found[0] == REFERENCE
    assert REFERENCE.spec == STUDY.preset("fast").mask
    assert FEW.spec == replace(REFERENCE.spec, steps=1_250, samples_per_step=1)
    assert all(one.spec.batch_size == 128 and one.spec.config().steps == one.steps for one in found)


def test_the_preset_changes_only_for_a_winner_that_is_faster_as_alike_and_as_right():
    assert rule.verdict(0.5, 0.01, full_masks_equal=True) == "The preset takes the winner."
    assert "0.90 of the reference's time" in rule.verdict(0.9, 0.0, full_masks_equal=True)
    assert "less alike by 0.100" in rule.verdict(0.5, 0.1, full_masks_equal=True)
    assert "full masks" in rule.verdict(0.5, 0.0, full_masks_equal=False)
