"""The calibration itself: its networks do not disturb each other, its planted truth is true, and it runs through."""

import math
from dataclasses import replace
from itertools import combinations

import pytest
import torch

from benchmarks.calibration import __main__ as calibration
from benchmarks.calibration import coverage, null, record
from benchmarks.calibration.null import DESIGNS, Settings, by_sizes, run_tests
from benchmarks.calibration.planted import PlantedSettings, missed_at_random, run_planted
from benchmarks.calibration.stacked import Question, SideBySide, ask, every_input, fit_all, logistic
from maskscope.masks import BinaryMask, Penalty
from maskscope.storage import read_json
from maskscope.training import FitConfig, MaskConfig
from maskscope.zoo import MLP

FEW = MaskConfig(steps=5, learning_rate=0.2, size=Penalty(1e-3), clip_norm=0.0)


def test_a_network_in_the_row_is_an_mlp():
    row, alone = SideBySide(2, (3, 5, 2), seed=0), MLP([3, 5, 2])
    with torch.no_grad():
        for layer in range(2):
            alone.layers[layer].weight.copy_(row.get_parameter(f"weight{layer}")[1])
            alone.layers[layer].bias.copy_(row.get_parameter(f"bias{layer}")[1, 0])
    inputs = torch.randn(2, 4, 3)
    torch.testing.assert_close(row(inputs)[1], alone(inputs[1]))


def test_networks_side_by_side_do_not_disturb_each_other():
    """The neighbour has other weights and another function: fit and masks are the same to the last bit."""
    signs = torch.randn(2, 8, generator=torch.Generator().manual_seed(0)).sign()
    results = []
    for neighbour in (1.0, -3.0):
        network = SideBySide(2, (3, 6, 1), seed=1)
        with torch.no_grad():
            network.weight0[1] *= neighbour
        values = torch.stack([signs[0], signs[1] * neighbour]).sign()
        fit_all(network, values.unsqueeze(2), FitConfig(20, 1e-2, 0.0), seed=2)
        (answer,) = ask(network, [Question("A", 0, values)], FEW, seed=3, items=4)
        results.append((network.weight0[0].clone(), answer.logits[0], network.weight0[1].clone()))
    (mine, logits, theirs), (mine_again, logits_again, theirs_again) = results
    assert torch.equal(mine, mine_again)
    assert all(torch.equal(logits[name], logits_again[name]) for name in logits)
    assert not torch.equal(theirs, theirs_again)


def test_networks_that_start_alike():
    weight = SideBySide(6, (3, 4, 1), seed=0, alike=3).weight0
    assert torch.equal(weight[0], weight[2])
    assert torch.equal(weight[3], weight[5])
    assert not torch.equal(weight[0], weight[3])


def test_the_loss_is_cross_entropy():
    outputs, values = torch.tensor([0.3, -1.2]), torch.tensor([1.0, 1.0])
    by_torch = torch.nn.functional.binary_cross_entropy_with_logits(outputs, (values + 1) / 2, reduction="none")
    torch.testing.assert_close(logistic(outputs, values), by_torch)


def test_every_input_is_there_once():
    inputs = every_input(4)
    assert inputs.shape == (16, 4)
    assert len({tuple(row) for row in inputs.tolist()}) == 16
    assert set(inputs.flatten().tolist()) == {-1, 1}


def test_the_naive_test_counts_every_placement():
    first = BinaryMask({"u": torch.tensor([1, 1, 0, 0]).bool(), "v": torch.tensor([1, 0, 0]).bool()})
    second = BinaryMask({"u": torch.tensor([1, 1, 0, 0]).bool(), "v": torch.tensor([0, 1, 1]).bool()})
    overlaps = [len({0, 1} & set(u)) + len({0} & set(v)) for u in combinations(range(4), 2) for v in combinations(range(3), 2)]
    assert by_sizes(first, second) == pytest.approx(sum(one >= 2 for one in overlaps) / len(overlaps))
    assert by_sizes(first, BinaryMask({name: torch.zeros_like(bits) for name, bits in first.items()})) == 1


def test_the_planted_truth_is_true():
    """With every logit open and no noise the network computes the planted functions exactly, and shares what was planted."""
    settings = PlantedSettings(networks=2, noise=0.0, masks=replace(FEW, steps=1, size=Penalty(0.0)), items=8)
    for level in (0.0, 0.5, 1.0):
        for one in run_planted(settings, level, seed=0):
            assert one.explained == pytest.approx(1, abs=1e-6)
            assert one.recall == 1
            assert one.expected == pytest.approx(level, abs=0.05)
    assert missed_at_random(1.0, 0.9, seed=0) == pytest.approx(1, abs=0.05)


@pytest.fixture
def _short_fits(monkeypatch):
    for name in ("FIT", "FIT_TWO"):
        monkeypatch.setattr(null, name, FitConfig(3, 1e-2, 0.0))


@pytest.mark.usefixtures("_short_fits")
@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_gives_tests(name):
    settings = Settings(nulls=2, hidden=(6,), hidden_of_two=(6,), masks=FEW, items=8)
    for one in run_tests(DESIGNS[name], settings, 2, seed=0):
        assert len(one.null) == 2
        assert one.p in (1 / 3, 2 / 3, 1)
        assert 0 <= one.p_sizes <= 1


@pytest.mark.usefixtures("_short_fits")
def test_it_runs_through_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(coverage, "SAMPLES", 20)
    for module in (calibration, record):
        monkeypatch.setattr(module, "LEVELS", (0.0, 1.0))
    words = ["--out", str(tmp_path / "runs"), "--record", str(tmp_path / "c.json"), "--page", str(tmp_path / "c.md")]
    words += [
        "--designs",
        "carried",
        "--tests",
        "2",
        "--settings.nulls",
        "2",
        "--settings.hidden",
        "6",
        "--settings.hidden-of-two",
        "6",
    ]
    words += ["--settings.masks.steps", "3", "--settings.items", "8", "--planted.networks", "2", "--planted.masks.steps", "1"]
    calibration.main(words)
    assert "carried 1 to 2 of 2" in capsys.readouterr().err
    found, page = read_json(tmp_path / "c.json"), (tmp_path / "c.md").read_text()
    assert found["designs"]["carried"]["n"] == 2
    assert len(found["tests"]["carried"]) == 2
    assert [row["true"] for row in found["planted"]["chosen"]] == [0, 1]
    calibration.main(words)
    assert "carried" not in capsys.readouterr().err
    assert (tmp_path / "c.md").read_text() == page
    assert not math.isnan(found["coverage"]["normal numbers"]["3"]["share"])
