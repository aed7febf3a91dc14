"""Double addition with all that there is, small: copied inputs and outputs, every control, unrelated functions."""

from dataclasses import replace

import pytest
import torch

from maskscope.engine.address import study_at
from maskscope.engine.claims import Lack
from maskscope.engine.job import Job
from maskscope.engine.plan import make_plan
from maskscope.engine.records.file import load_record
from maskscope.engine.run import run_study
from maskscope.errors import ConfigError
from maskscope.masks import BinaryMask
from maskscope.procedure.measure import with_io
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.procedure.work import make_network
from maskscope.storage import read_tensors
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from maskscope.studies.double_addition.spec import DoubleAdditionSpec
from maskscope.studies.double_addition.study import copy_io

STUDY = study_at("double-addition")
SUBJECT = STUDY.procedure.subject
CPU = torch.device("cpu")
SPEC = DoubleAdditionSpec(
    hidden=(8, 8),
    digits=1,
    train_items=300,
    fit=FitSpec(steps=5),
    mask=MaskSpec(steps=4, learning_rate=0.5),
    repeats=4,
    controls=("untrained", "shuffled-weights", "shuffled-labels", "copied-io"),
    unrelated=3,
    random_draws=1,
)
LSTM = DoubleAdditionSpec(
    network="lstm",
    hidden=(6, 6),
    digits=1,
    train_items=300,
    mode="only_one_io",
    fit=FitSpec(steps=2),
    mask=MaskSpec(steps=2),
    repeats=0,
    controls=("copied-io",),
    random_draws=1,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("double")
    plan = make_plan(Job(STUDY, SPEC, (0,), str(folder), threads=1))
    made = []
    record = run_study("smoke", Job(STUDY, SPEC, (0,), str(folder), threads=1), announce=made.append)
    return folder, record, made, plan


def weights(folder, name):
    (path,) = [p for p in (folder / "artefacts").iterdir() if p.name.rpartition("-")[0] == f"seed-0-{name}"]
    return read_tensors(path / "weights.safetensors", kind="weights")[0]


def test_the_plan_names_what_is_then_made(finished):
    folder, _, made, plan = finished
    assert sorted(stage.name for stage in plan.stages) == sorted(made)
    assert not any(stage.done for stage in plan.stages)
    after = make_plan(Job(STUDY, SPEC, (0,), str(folder), threads=1))
    assert all(stage.done for stage in after.stages)


def test_every_variant_is_measured(finished):
    folder, record, _, _ = finished
    assert [network.variant for network in record.networks] == ["trained", *SPEC.controls]
    counts = {network.variant: len(network.masks) for network in record.networks}
    assert counts == {"trained": 11, "untrained": 2, "shuffled-weights": 2, "shuffled-labels": 2, "copied-io": 11}
    trained, *_, copied = record.networks
    for network in (trained, copied):
        assert [core.function for core in network.cores] == ["pair-1", "pair-2"]
        assert [(core.repeats, core.needed) for core in network.cores] == [(5, 4)] * 2
        assert network.sharing[0].hidden_weights is not None
        assert all(mask.necessity_full_io is not None for mask in network.masks)
    assert len(trained.sharing[0].null.null) == len(trained.sharing[0].null_accuracy) == 3
    assert copied.sharing[0].null is None
    assert record.quantity("necessity, full I/O", "pair-1", "pair-2") is not None
    assert record.quantity("normalised sharing of hidden", "pair-1, pair-2", variant="copied-io") is not None
    p = record.quantity("p (unrelated functions)", "pair-1, pair-2").summary
    assert p.n == 0, "networks that did not learn their arbitrary function are no null"
    assert record.quantity("sufficiency beyond shuffled labels", "pair-1", "pair-1", variant="shuffled-labels") is not None
    assert load_record(folder) == record or str(load_record(folder)) == str(record), "NaN is not equal to itself"


def test_copied_weights_are_those_of_the_second_pair(finished):
    before, after = weights(finished[0], "network"), weights(finished[0], "network-copied-io")
    first, last = "layers.0.weight", "layers.2"
    assert torch.equal(after[first][:, :20], before[first][:, 20:])
    assert torch.equal(after[first][:, 20:], before[first][:, 20:])
    assert torch.equal(after[f"{last}.weight"][:10], before[f"{last}.weight"][10:])
    assert torch.equal(after[f"{last}.bias"][:10], before[f"{last}.bias"][10:])
    assert torch.equal(after["layers.1.weight"], before["layers.1.weight"])


def test_shuffled_weights_are_the_same_numbers_elsewhere(finished):
    before, after = weights(finished[0], "network"), weights(finished[0], "network-shuffled-weights")
    for name, weight in before.items():
        assert not torch.equal(weight, after[name])
        assert torch.equal(weight.flatten().sort().values, after[name].flatten().sort().values)


@pytest.mark.parametrize("spec", [SPEC, LSTM], ids=["mlp", "lstm"])
def test_with_copied_io_both_pairs_are_computed_alike(spec):
    task = SUBJECT.task(spec, CPU)
    network = make_network(SUBJECT, spec, 0, task)
    copy_io(network, spec, task)
    value = torch.arange(50)
    with torch.no_grad():
        first, second = (task._show(torch.stack([value, value], 1), (place,)).inputs for place in (0, 1))
        read = [network(inputs) for inputs in (first, second)]
    if spec is SPEC:
        assert torch.equal(read[0][:, :10], read[1][:, 10:])
    else:  # the state starts at 0 for both if only one pair is shown: three steps in, what each has read is the same
        alone = task._show(torch.stack([value, value], 1), (1,)).inputs[:, 3:]
        with torch.no_grad():
            assert torch.equal(read[0][:, 2, :10], network(alone)[:, 2, 10:])


def test_copying_is_refused_where_there_is_nothing_to_copy():
    spec = DoubleAdditionSpec("transformer", (8,), digits=1, train_items=10, mode="together")
    task = SUBJECT.task(spec, CPU)
    with pytest.raises(ConfigError, match="copied-io is for double-addition with network mlp or lstm"):
        copy_io(make_network(SUBJECT, spec, 0, task), spec, task)


def test_the_full_mask_on_input_and_output_alone():
    full = BinaryMask({name: torch.ones(2, dtype=torch.bool) for name in "abc"})
    inverse = ~full
    found = with_io(inverse, full, ("a", "c"))
    assert {name: bool(found[name].all()) for name in found} == {"a": True, "b": False, "c": True}


def test_the_lstm_in_turn_runs_with_copied_io(tmp_path):
    record = run_study("smoke", Job(STUDY, LSTM, (0, 1), str(tmp_path), threads=1))
    early = record.networks[0].half_masks[0].early
    assert early == ("core.weight_ih_l0", "core.weight_hh_l0")
    assert record.quantity("accuracy", "", "pair-1", variant="copied-io").summary.n == 2
    reuse = next(verdict for verdict in record.verdicts if verdict.name == "reuse")
    assert reuse.verdict == "inconclusive"
    assert reuse.lacks[0] == Lack("needs 1 repeat(s) for the ceiling, has 0", "with --repeats 1")


def test_what_a_claim_lacks_is_said_with_the_cure():
    (beyond,) = (claim for claim in STUDY.claims if claim.name == "sufficiency beyond the controls")
    assert STUDY.procedure.lacks(beyond, SPEC) == ()
    (lack,) = STUDY.procedure.lacks(beyond, replace(SPEC, controls=()))
    assert "needs the control untrained" in lack.missing
    assert "--controls" in lack.cure


def test_settings_of_another_study(tmp_path):
    spec = AdditionMultiplicationSpec(hidden=(8,), digits=1, train_items=10)
    with pytest.raises(ConfigError, match="settings of the type AdditionMultiplicationSpec; DoubleAdditionSpec was expected"):
        run_study("smoke", Job(STUDY, spec, (0,), str(tmp_path)))
