"""Names and identities of stages, and which masks are found together."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maskscope.engine.address import study_at
from maskscope.engine.runtime import Runtime
from maskscope.errors import ConfigError
from maskscope.procedure.plans import MaskPlan, NetworkPlan, Search, mask_groups, mask_plans, network_plans
from maskscope.procedure.settings import MaskSpec
from maskscope.procedure.stages import analysis_stage, mask_stage, network_stage
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec

ARITHMETIC, DOUBLE = study_at("addition-multiplication"), study_at("double-addition")


def network(study, spec, seed, name):
    control = study.procedure.subject.controls.get(name)
    return network_stage(study.name, study.procedure.subject, spec, seed, NetworkPlan(name, control))


def mask(study, spec, seed, name, group=()):
    plan = MaskPlan(Search(name, name), 0, "trained") if isinstance(name, str) else name
    return mask_stage(study.name, study.procedure.subject, spec, seed, plan, group)


def test_golden_identities():
    """An identity may change only on purpose: it decides what is made again. Root stages depend on settings alone."""
    spec = ARITHMETIC.preset("paper")
    double = DOUBLE.preset("paper", "lstm")
    assert network(ARITHMETIC, spec, 0, "trained").identity({}) == "d1982bc92fc9"
    assert network(ARITHMETIC, spec, 0, "untrained").identity({}) == "3eb46fbe73db"
    assert network(DOUBLE, double, 0, "trained").identity({}) == "9b60f6db2c80"
    assert mask(ARITHMETIC, spec, 0, "add").identity({}) == "f01d9f75240d"
    assert mask(DOUBLE, double, 0, "pair-1").identity({}) == "c80bbb302b02"
    assert analysis_stage(ARITHMETIC.name, ARITHMETIC.procedure.subject, spec, 0, "trained").identity({}) == "9cdcd3d4a6da"


def test_masks_found_together_are_those_of_one_network_and_repeat():
    spec, subject = replace(DOUBLE.preset("smoke"), unrelated=7), DOUBLE.procedure.subject
    task = subject.task(replace(spec, digits=1, train_items=10), torch.device("cpu"))
    networks = network_plans([subject.controls[name] for name in spec.controls], subject.companions(spec, task))
    plans = mask_plans(networks, [Search("f", "f"), Search("g", "g")], repeats=spec.repeats, full_mask=True)
    groups = mask_groups(plans, together=True)
    assert sorted(map(str, (plan for group in groups for plan in group))) == sorted(map(str, plans))
    names = [[f"{plan.search.name} {plan.repeat} {plan.network}" for plan in group] for group in groups]
    assert names[0] == ["all 0 trained", "f 0 trained", "g 0 trained"]
    assert names[1] == ["f 1 trained", "g 1 trained"]
    assert ["f 0 unrelated-7", "g 0 unrelated-7"] in names
    assert ["f 0 untrained", "g 0 untrained"] in names
    assert mask_groups(plans, together=False) == [(plan,) for plan in plans]
    assert subject.found_together(spec, 999_999)
    assert not subject.found_together(spec, 1_000_000), "where there are many weights each is alone"
    together, alone = mask(DOUBLE, spec, 0, groups[0][1], groups[0]), mask(DOUBLE, spec, 0, groups[0][1])
    assert together.identity({}) != alone.identity({}), "the company is part of the identity"


def test_identities_depend_on_what_matters():
    spec = AdditionMultiplicationSpec()
    other = AdditionMultiplicationSpec(mask=MaskSpec(beta=2e-4), random_draws=9)
    assert network(ARITHMETIC, spec, 0, "trained") == network(ARITHMETIC, other, 0, "trained")
    assert mask(ARITHMETIC, spec, 0, "add") != mask(ARITHMETIC, other, 0, "add")
    assert mask(ARITHMETIC, spec, 0, "add") != mask(ARITHMETIC, spec, 1, "add")
    assert analysis_stage(ARITHMETIC.name, ARITHMETIC.procedure.subject, spec, 0, "trained") != analysis_stage(
        ARITHMETIC.name, ARITHMETIC.procedure.subject, other, 0, "trained"
    )


def test_a_score_that_a_study_has_not_is_missed_before_anything_is_trained():
    study, runtime = ARITHMETIC, Runtime(Path("runs"), torch.device("cpu"))
    smoke = study.preset("smoke")
    spec = replace(smoke, mask=replace(smoke.mask, size="behaviour-kept"))
    with pytest.raises(ConfigError, match="Take --mask.behaviour loss or --mask.behaviour kl"):
        study.procedure.require(spec, runtime)
    study.procedure.require(replace(spec, mask=replace(spec.mask, behaviour="kl")), runtime)
