from dataclasses import dataclass, field, replace

import pytest
from maskscope.studies.catalogue import EXPERIMENTS, experiment

from maskscope.engine.job import Job
from maskscope.engine.spec import canonical_spec, from_json, to_json
from maskscope.errors import ConfigError
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.procedure.stages import (
    TOGETHER_BELOW,
    MaskPlan,
    analysis_stage,
    mask_groups,
    mask_stage,
    network_stage,
    plan_masks,
)
from maskscope.studies.arithmetic.spec import AdditionMultiplicationSpec, DoubleAdditionSpec


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_preset_goes_to_json_and_back(name):
    for presets in experiment(name).presets.values():
        for _, spec in presets.values():
            assert from_json(type(spec), to_json(spec)) == spec
            job = Job(spec, (0,), "runs")
            assert from_json(Job, to_json(job)) == job


def test_paper_preset_is_the_papers():
    spec = experiment("addition-multiplication").preset("paper")
    assert (spec.hidden, spec.digits, spec.train_items) == ((2000,) * 4, 2, 1_000_000)
    assert spec.fit == FitSpec(20_000, 128, 1e-3, 1.0)
    config = spec.mask.config()
    assert (config.steps, config.samples_per_step, config.learning_rate, config.initial_logit) == (20_000, 4, 1e-2, 2.0)
    assert config.penalty_weight == pytest.approx(7.8125e-7)
    assert (config.temperature, config.clip_norm, spec.mask.part_size) == (1.0, 1.0, 32)


def test_all_faults_of_a_spec_are_listed_together():
    value = to_json(AdditionMultiplicationSpec())
    value["mask"]["stpes"] = 3
    value["fit"]["steps"] = "many"
    value["hiden"] = [3]
    with pytest.raises(ConfigError) as error:
        from_json(AdditionMultiplicationSpec, value)
    text = str(error.value)
    assert "mask: stpes: no such field. Did you mean 'steps'?" in text
    assert "fit: steps: 'many' is no int" in text
    assert "hiden: no such field. Did you mean 'hidden'?" in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MaskSpec(batch_size=130), "130 does not divide by samples_per_step 4.*multiple of 4"),
        (lambda: MaskSpec(samples_per_step=0), "samples_per_step is 0"),
        (lambda: MaskSpec(beta=-1.0), "penalty_weight is -"),
        (lambda: FitSpec(steps=-1, batch_size=0), "steps is -1.*batch_size is 0"),
        (lambda: AdditionMultiplicationSpec(hidden=()), "at least one layer"),
        (lambda: AdditionMultiplicationSpec(digits=7), "1, 2 or 3"),
        (lambda: AdditionMultiplicationSpec(repeats=-1), "repeats is -1"),
        (lambda: AdditionMultiplicationSpec(unrelated=-1), "unrelated is -1"),
        (lambda: AdditionMultiplicationSpec(network="lstm", hidden=(4, 5)), "all layers of network lstm have one width"),
        (lambda: AdditionMultiplicationSpec(network="transformer", hidden=(6,)), "a multiple of 4"),
        (lambda: AdditionMultiplicationSpec(controls=("untrained", "untrained")), "names one twice"),
        (lambda: AdditionMultiplicationSpec(controls=("copied-io",)), "copied-io, which is for double-addition"),
        (lambda: DoubleAdditionSpec(mode="together"), "network mlp can be shown the pairs by two_runs"),
        (lambda: DoubleAdditionSpec(network="lstm", hidden=(8,)), "by together or only_one_io"),
        (
            lambda: DoubleAdditionSpec(network="lstm", hidden=(8,), mode="together", controls=("copied-io",)),
            "could not tell them apart. Take mode two_runs or only_one_io",
        ),
    ],
)
def test_impossible_specs(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def test_golden_identities():
    """An identity may change only on purpose: it decides what is made again. Root stages depend on settings alone."""
    spec = experiment("addition-multiplication").preset("paper")
    double = experiment("double-addition").preset("paper", "lstm")
    assert network_stage(spec, 0, "trained").identity({}) == "868a575a9c51"
    assert network_stage(spec, 0, "untrained").identity({}) == "e54c57ae6136"
    assert network_stage(double, 0, "trained").identity({}) == "0ed5a9a70a0e"
    assert mask_stage(spec, 0, MaskPlan("add", 0, "trained")).identity({}) == "1fd0bc6e803a"
    assert mask_stage(double, 0, MaskPlan("pair-1", 0, "trained")).identity({}) == "87fd6014dc69"
    assert analysis_stage(spec, 0, "trained").identity({}) == "64447e2c8334"


def test_masks_found_together_are_those_of_one_network_and_repeat():
    spec = replace(experiment("double-addition").preset("smoke"), unrelated=7)
    plans = plan_masks(spec, ("f", "g"), "all")
    groups = mask_groups(spec, plans, "all", 1000)
    assert sorted(map(str, (plan for group in groups for plan in group))) == sorted(map(str, plans))
    names = [[f"{plan.function} {plan.repeat} {plan.variant}" for plan in group] for group in groups]
    assert names[0] == ["all 0 trained", "f 0 trained", "g 0 trained"]
    assert names[1] == ["f 1 trained", "g 1 trained"]
    assert ["f 0 unrelated-7", "g 0 unrelated-7"] in names
    assert ["f 0 untrained", "g 0 untrained"] in names
    alone = mask_groups(spec, plans, "all", TOGETHER_BELOW)
    assert alone == [(plan,) for plan in plans], "where there are many weights each is alone"
    together, alone = mask_stage(spec, 0, groups[0][1], groups[0]), mask_stage(spec, 0, groups[0][1])
    assert together.identity({}) != alone.identity({}), "the company is part of the identity"


def test_a_field_added_later_does_not_change_an_identity():
    @dataclass(frozen=True)
    class Before:
        steps: int = 3

    @dataclass(frozen=True)
    class After:
        steps: int = 3
        new: int = field(default=1, metadata={"added": "0.2.0"})

    assert canonical_spec(Before()) == canonical_spec(After())
    assert canonical_spec(After(new=2)) == {"steps": 3, "new": 2}


def test_identities_depend_on_what_matters():
    spec = AdditionMultiplicationSpec()
    other = AdditionMultiplicationSpec(mask=MaskSpec(beta=2e-4), random_draws=9)
    assert network_stage(spec, 0, "trained") == network_stage(other, 0, "trained")
    assert mask_stage(spec, 0, MaskPlan("add", 0, "trained")) != mask_stage(other, 0, MaskPlan("add", 0, "trained"))
    assert mask_stage(spec, 0, MaskPlan("add", 0, "trained")) != mask_stage(spec, 1, MaskPlan("add", 0, "trained"))
    assert analysis_stage(spec, 0, "trained") != analysis_stage(other, 0, "trained")
