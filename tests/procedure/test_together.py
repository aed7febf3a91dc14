"""Networks and masks of several seeds that are made in one call: what they are alone, to rounding."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maskscope.engine.address import study_at
from maskscope.engine.job import Job
from maskscope.engine.run import make_seeds
from maskscope.engine.runtime import Runtime
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.procedure.together import share_of_mask, share_of_network
from maskscope.storage import read_json, read_tensors
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from maskscope.training import Observer

STUDY = study_at("addition-multiplication")
SPEC = AdditionMultiplicationSpec(
    hidden=(8,),
    digits=1,
    train_items=300,
    fit=FitSpec(steps=3),
    mask=MaskSpec(steps=4, learning_rate=0.5),
    random_draws=1,
    repeats=0,
    controls=("untrained",),
    unrelated=1,
)
RUNTIME = Runtime(Path("runs"), torch.device("cpu"))


class Searching(MaskProcedure):
    """Measures nothing."""

    def steps(self, *args):
        return [step for step in super().steps(*args) if "analysis" not in step.name]


class Stops(Observer):
    """What Ctrl-C does after the second step."""

    def after_step(self, report):
        if report.step == 2:
            signal.raise_signal(signal.SIGINT)


def run(folder, seeds, stopped=""):
    study = replace(STUDY, procedure=Searching(STUDY.procedure.subject))
    job = Job(study, SPEC, tuple(seeds), str(folder), threads=1)
    make_seeds(job, lambda name: [Stops()] if name == stopped else (), lambda text: None)


def artefacts(folder):
    return {path.name.rpartition("-")[0]: path for path in (folder / "artefacts").iterdir()}


def tensors(path):
    kinds = [kind for kind in ("weights", "logits") if (path / f"{kind}.safetensors").exists()]
    return {name: one for kind in kinds for name, one in read_tensors(path / f"{kind}.safetensors", kind=kind)[0].items()}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    run(folder, (0, 1))
    return folder


def test_each_is_what_it_is_alone(both, tmp_path):
    run(tmp_path, (1,))
    alone, there = artefacts(tmp_path), artefacts(both)
    assert {name for name in there if name.startswith("seed-1")} == alone.keys()
    for name, path in alone.items():
        for tensor, values in tensors(path).items():
            assert torch.allclose(values, tensors(there[name])[tensor], atol=1e-5), (name, tensor)
        if "network" in name:
            assert path.name == there[name].name, "the company is no part of the identity"


def test_networks_of_the_null_go_with_the_others_and_its_masks_with_each_other(both):
    with_whom = {name: read_json(path / "made.json").get("made_with") for name, path in artefacts(both).items()}
    assert with_whom["seed-1-network"] == ["seed-0-network", "seed-0-network-unrelated-1", "seed-1-network-unrelated-1"]
    assert with_whom["seed-0-mask-add-0"] == [f"seed-1-mask-{name}-0" for name in ("all", "add", "mul")]
    assert with_whom["seed-0-mask-mul-0-unrelated-1"] == [f"seed-1-mask-{name}-0-unrelated-1" for name in ("add", "mul")]
    assert with_whom["seed-0-mask-mul-0-untrained"] == [f"seed-1-mask-{name}-0-untrained" for name in ("add", "mul")]
    assert with_whom["seed-0-network-untrained"] is None


def test_a_search_that_is_stopped_goes_on_to_the_same_bits(both, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, (0, 1), "seed-1-mask-add-0")
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2
    run(tmp_path, (0, 1))
    expected, found = artefacts(both), artefacts(tmp_path)
    assert found.keys() == expected.keys()
    for name, path in found.items():
        there = tensors(expected[name])
        assert all(torch.equal(values, there[tensor]) for tensor, values in tensors(path).items()), name
    assert list((tmp_path / "checkpoints").iterdir()) == []


def together(spec, runtime=RUNTIME, study=STUDY):
    """What goes together, by the name of the step."""
    return {step.name: step.together for step in study.procedure.steps(study.name, spec, 0, runtime) if step.together}


@pytest.mark.parametrize(
    "changes",
    [{"stop_when_settled": True}, {"stop_when_lost": True}, {"size": "behaviour-kept", "behaviour": "loss"}, {"off": "mean"}],
    ids=str,
)
def test_masks_that_would_depend_on_the_others_are_found_alone(changes):
    spec = replace(SPEC, mask=replace(SPEC.mask, **changes))
    assert together(spec).keys() == {"seed-0-network", "seed-0-network-unrelated-1"}


def test_other_networks_are_made_alone():
    assert together(replace(SPEC, network="lstm")) == {}
    assert together(replace(SPEC, hidden=(1000, 1000))) == {}, "there, the masks of one network are not found together either"
    assert together(SPEC, replace(RUNTIME, executor="sequential")) == {}


def test_masks_of_one_kind_have_one_key():
    found = together(replace(SPEC, unrelated=2, repeats=1))
    keys = {name: one.key for name, one in found.items()}
    assert keys["seed-0-mask-add-0-unrelated-1"] == keys["seed-0-mask-add-0-unrelated-2"]
    masks = [key for name, key in keys.items() if "mask" in name]
    assert len(set(masks)) == len(masks) - 1
    assert {key for name, key in keys.items() if "network" in name} == {"fit"}


def test_a_call_has_a_limit_of_memory():
    assert share_of_network(1000) == share_of_mask(1000, 4) == 1 / 32
    assert share_of_network(2**24) == 1 / 4
    assert share_of_mask(2**24, 2) == 1 / 2


def test_the_plan_counts_the_memory_of_a_call():
    spec = replace(SPEC, hidden=(200,), unrelated=0)
    one, two, many, more = (STUDY.procedure.needs(spec, seeds, RUNTIME).more for seeds in (1, 2, 20, 40))
    assert one < two < many == more
