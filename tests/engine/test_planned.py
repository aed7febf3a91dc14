"""What a plan says of a run before it starts: what is masked, what it costs, whether it fits."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.engine import planned
from maskscope.engine.plan import make_plan, plan_of
from maskscope.engine.planned import duration
from maskscope.engine.run import run_study
from maskscope.procedure import memory, procedure
from maskscope.training.memory import check


def parts(place):
    inputs = torch.randn(12, 16, 4, generator=torch.Generator().manual_seed(place))
    return [(some, (some[:, place] > 0).long()) for some in inputs]


def loss(network, part):
    torch.rand(())  # a loss may draw
    return nn.functional.cross_entropy(network(part[0]), part[1])


def score(network, part):
    return network(part[0]).argmax(-1) == part[1]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def study(config=None, **more):
    config = config or ms.MaskConfig(steps=6, samples_per_step=2, learning_rate=0.5)
    more = {"controls": ["shuffled-weights"]} | more
    return ms.Study(network(), {"a": parts(0), "b": parts(1)}, loss, score, config=config, **more)


def words(plan):
    return " ".join(str(plan).split())


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    mine, folder = study(), tmp_path_factory.mktemp("none") / "run"
    before, weights = torch.get_rng_state().tolist(), copy.deepcopy(mine.network().state_dict())
    made = mine.plan(folder)
    assert torch.get_rng_state().tolist() == before
    assert all(torch.equal(one, weights[name]) for name, one in mine.network().state_dict().items())
    return made


def test_it_says_which_tensors_are_masked_and_why_others_are_not(plan):
    text = str(plan)
    assert "0.weight" in text
    assert "excluded by '*bias*'" in text
    assert "Masks are over 2 of 4 tensors: 48 of 58 weights (82.8%), in 48 units." in text
    assert max(map(len, text.splitlines())) <= 80


def test_it_counts_every_kind_of_step_and_prices_controls_apart(plan):
    steps = {kind: sum(one.steps for one in plan.stages if one.kind == kind) for kind in plan.each}
    # on the network one of all functions and two of each; on the control one of each
    assert steps["step of a mask"] == 6 * (1 + 4 + 2)
    assert {one.control for one in plan.stages} == {"", "shuffled-weights"}
    controls = plan.seconds_of_controls
    assert 0 < controls["shuffled-weights"] < plan.seconds
    assert "are controls (shuffled-weights " in words(plan)
    assert "Leave them out with --controls" in words(plan)


def test_without_controls_none_are_priced():
    mine = study().study
    job = study()._job("none", "quick", "cpu")
    without = make_plan(replace(job, spec=replace(mine.preset("quick"), controls=())))
    assert without.seconds_of_controls == {}
    assert "controls (" not in str(without)


def test_it_knows_what_a_part_takes(plan):
    part = plan.needs.part
    assert (part.items, part.tried) == (16, 16)
    # kept for the backward pass: 8 activations and 2 outputs of an item; twice the 8 for gradients
    assert part.each == 4 * (8 + 2 + 2 * 8)
    assert plan.needs.at_once == 2
    assert plan.needs.more >= plan.needs.at_once * part.bytes
    assert "A part of 16 items takes" in words(plan)


def test_what_will_not_fit_names_what_helps_and_nothing_is_timed(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 4_000)
    monkeypatch.setattr(procedure, "available_bytes", lambda device: 4_000)
    plan = study().plan()
    assert not plan.needs.fits
    assert math.isnan(plan.seconds)
    text = words(plan)
    assert "TOO MUCH" in text
    assert "not timed" in text
    most = int(text.partition("parts of ")[2].partition(" items instead of 16 would fit")[0])
    # one item more would be too much
    part, others = plan.needs.part, plan.needs.more - plan.needs.at_once * plan.needs.part.bytes
    taken = [others + plan.needs.at_once * (part.fixed + part.each * items) for items in (most, most + 1)]
    assert taken[0] <= 4_000 < taken[1]
    assert f"accumulation={math.ceil(16 / most)}" in text
    assert "executor='sequential'" in text
    assert "samples_per_step=1 with accumulation=2" in text


def test_large_parts_are_not_tried_whole(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 2_000)
    seen = []

    def watched(net, part):
        seen.append(len(part[0]))
        return loss(net, part)

    found = ms.Study(network(), {"a": parts(0)}, watched, score, config=ms.MaskConfig(steps=1), controls=["shuffled-weights"])
    spec = found.study.preset("quick")
    needs = found.study.procedure.needs(spec, 1, found._job("none", "quick", "cpu").runtime())
    assert seen == [1, 4]
    assert (needs.part.items, needs.part.tried) == (16, 4)
    assert needs.part.bytes == pytest.approx(16 * 104, abs=8)


def test_what_is_there_is_not_planned_again(tmp_path):
    said, found = [], []
    for name, first in (("with", True), ("without", False)):
        mine = ms.Study(network(), {"a": parts(0)}, loss, score, config=ms.MaskConfig(steps=3), repeats=0)
        job = mine._job(tmp_path / name, "smoke", "cpu")
        run_study("smoke", job, announce=said.append, planned=first)
        files = (tmp_path / name).glob("artefacts/*/mask.safetensors")
        found.append({path.parent.name.rpartition("-")[0]: path.read_bytes() for path in files})
    assert said[0].startswith("timing")
    assert said[1].startswith("What masks are over")
    assert sum(text.startswith("What masks are over") for text in said) == 1
    # the same masks, to the bit, whether something was tried before or not
    assert len(found[0]) == 3
    assert found[0] == found[1]
    plan = plan_of(job.pinned)
    assert all(stage.done for stage in plan.stages)
    assert plan.seconds == 0
    assert "nothing is searched" in str(plan)


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.4, "12 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 05 min"), (math.nan, "not timed")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_several_workers_share_the_time_and_each_has_its_memory(plan):
    needs = replace(plan.needs, free=plan.needs.more + 1)
    assert "Fewer --workers: 1 would fit." in replace(plan, needs=needs).text(workers=2)
    assert "TOO MUCH" not in replace(plan, needs=needs).text()


def test_sizes_and_unknown_things_are_said(plan):
    blind = replace(plan, needs=replace(plan.needs, free=None, part=None), masked=None, peak=0)
    assert "free" not in str(blind)
    assert "Measured" not in str(blind)
    assert planned._short(0.012) == "12 ms"
    assert check.available_bytes(torch.device("meta")) is None


def test_steps_that_go_together_take_less_than_is_said():
    stages = [
        planned.PlannedStage(f"seed-{seed}-x", False, 60.0, "step", step=f"seed-{seed}-x", seed=seed, together="x")
        for seed in (0, 1)
    ]
    two, one = (planned.Plan(tuple(some), 60.0 * len(some), 1, 1, {"step": 1.0}) for some in (stages, stages[:1]))
    assert "by timing a few steps here and now. That is the most: steps of one kind are made in one call" in words(two)
    assert "That is the most" not in words(one)
    assert "That is the most" not in " ".join(two.text(workers=2).split())
