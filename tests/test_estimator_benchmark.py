"""The comparison of estimators: a cell is made once, and what is of equal quality is counted rightly."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmarks.estimators import __main__ as benchmark
from benchmarks.estimators import cases, quality, rows
from maskscope.errors import ConfigError
from maskscope.masks import ESTIMATORS
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.storage import read_json
from maskscope.tasks import Scores
from maskscope.tasks.task import Part

REFERENCE = {"steps": 20_000, "seconds": 200.0, "cpu_seconds": 100.0, "accuracy": 0.98, "kept": 50, "density": 0.5}


def tried(accuracy=0.98, kept=50, cpu_seconds=10.0, estimator="deterministic"):
    found = {"seconds": 2 * cpu_seconds, "cpu_seconds": cpu_seconds, "accuracy": accuracy, "kept": kept}
    named = {"size": "target-density", "asked_steps": 500, "estimator": estimator}
    return named | rows.compared(found, REFERENCE)


def network(*candidates):
    return {"seed": 9100, "function": "mul", "reference": REFERENCE, "candidates": list(candidates)}


@pytest.mark.parametrize(
    ("accuracy", "kept", "is_equal"), [(0.98, 50, True), (0.9701, 49, True), (0.9699, 49, False), (1.0, 51, False)]
)
def test_equal_quality_is_as_right_and_as_small(accuracy, kept, is_equal):
    found = tried(accuracy, kept)
    assert found["is_equal"] is is_equal
    assert found["times_faster"] == found["times_faster_cpu"] == 10
    assert found["kept_over_reference"] == kept / 50


def test_the_fastest_is_of_equal_quality_on_every_network():
    quick, slow = tried(cpu_seconds=1.0), tried(cpu_seconds=9.0, estimator="soft-gumbel")
    assert rows.fastest_everywhere([network(quick, slow)] * 2) == ("target-density", 500, "deterministic")
    worse = tried(accuracy=0.5, cpu_seconds=1.0)
    assert rows.fastest_everywhere([network(quick, slow), network(worse, slow)]) == ("target-density", 500, "soft-gumbel")
    assert rows.fastest_everywhere([network(quick), network(slow)]) is None


def test_rows_name_the_fastest_and_count_the_equal():
    text = rows.quality_rows([network(tried()), network(tried(cpu_seconds=20.0))])
    assert "| target-density | 500 | **deterministic** | 2 | 15 [" in text
    assert "| 2 of 2 | 7.5 [" in text
    assert "| 9100 | mul | 100 | 0.9800 | 0.5000 | none |  |  |" in rows.fastest_rows([network(tried(kept=51))])


def test_rows_of_steps_divide_by_the_plain_step():
    timing = {"median": 0.002, "lower": 0.001, "upper": 0.004, "n": 4}
    case = {"title": "small", "samples": {"deterministic": 1}, "seconds": {"plain": timing, "deterministic": timing}}
    assert "| deterministic | 1 | 1.00 (0.50 to 2.00) |" in rows.step_rows({"fnn": case})


def test_every_estimator_is_a_candidate():
    wanted = quality.candidates(steps=(5,))
    assert {one.estimator for one in wanted} == set(ESTIMATORS)
    for one in wanted:
        config = one.config(0.25)
        assert (config.steps, config.samples) == (5, 4 if ESTIMATORS[one.estimator].draws else 1)


def test_right_answers_have_all_digits_right():
    outputs = torch.eye(10)[torch.tensor([[1, 2], [3, 4]])].flatten(1)
    part = Part(outputs, torch.tensor([[1, 2], [3, 5]]))
    assert quality.right_answers(nn.Identity(), part).tolist() == [True, False]
    assert quality.right_answers(nn.Identity(), Part(torch.eye(3), torch.tensor([0, 2, 2]))).tolist() == [True, False, True]


def test_accuracy_is_of_the_function_or_the_mean():
    scores = Scores({"add": 1.0, "mul": 0.5})
    assert (cases.accuracy_on(scores, "mul"), cases.accuracy_on(scores, "all")) == (0.5, 0.75)


@pytest.fixture
def tiny(monkeypatch):
    case = cases.CASES["fnn-400-400-200"]
    spec = replace(case.spec, hidden=(4,), train_items=500, fit=FitSpec(steps=2, batch_size=8))
    paper = MaskSpec(learning_rate=2.0, batch_size=8)
    monkeypatch.setattr(cases, "CASES", {"tiny": replace(case, spec=spec, paper=paper)})
    monkeypatch.setattr(benchmark, "CASES", cases.CASES)
    return cases.CASES["tiny"]


def test_what_is_done_is_not_done_again(tiny, tmp_path):
    comparison = quality.Comparison("tiny", tiny, tmp_path, reference_steps=4)
    # that of the reference, so that no other passes are compiled
    pairs, wanted = [(9100, "mul")], [quality.Candidate("target-density", 2, "rao-blackwell")]
    comparison.tried(wanted[0], *pairs[0])
    files = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    found = benchmark._quality(comparison, pairs, wanted)
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == files
    (only,) = found["networks"]
    assert (only["seed"], only["function"], only["reference"]["steps"]) == (9100, "mul", 4)
    assert only["candidates"][0]["kept"] == only["reference"]["kept"]
    with pytest.raises(ConfigError, match="made with other settings"):
        replace(comparison, device="meta").referred(9100, "mul")


def test_a_reference_that_keeps_everything_is_refused(tiny, tmp_path):
    comparison = quality.Comparison("tiny", replace(tiny, paper=MaskSpec(batch_size=8)), tmp_path, reference_steps=1)
    with pytest.raises(ConfigError, match="keeps 100% of the units"):
        comparison.tried(quality.candidates(steps=(2,))[0], 9100, "mul")
    assert read_json(tmp_path / "tiny-9100-mul-reference-1.json")["result"]["density"] == 1
