"""Controls of a study of one's own network: a planted rule is found where it was planted, and what cannot be done is said."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.analysis import Sharing
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.errors import BatchesError, ConfigError
from maskscope.masks import bake
from maskscope.masks.off import ZERO
from maskscope.procedure.controls import Trial
from maskscope.procedure.plans import MaskPlan, Search
from maskscope.procedure.result import NetworkResult, SharingResult
from maskscope.studies.own.claims import own_numbers
from maskscope.studies.own.controls.chosen import usual_controls
from maskscope.studies.own.controls.disjoint import HALVES, by_kind
from maskscope.studies.own.controls.labels import shuffled
from maskscope.studies.own.controls.planting import plant
from maskscope.studies.own.controls.rule import RULE, RuleTask
from maskscope.studies.own.controls.spike_in import _compared
from maskscope.studies.own.controls.teaching import NotPlanted, Planted
from maskscope.studies.own.data import function_data
from maskscope.studies.own.result import DisjointInputs, OwnResult
from maskscope.studies.own.sections.controls import disjoint_section, spike_section
from maskscope.tasks import Scores
from maskscope.tasks.functions import UserFunctions
from maskscope.tasks.objectives import OwnObjective

FEW = ms.MaskConfig(steps=3, samples_per_step=2, learning_rate=0.5)


def batches(seed=0, parts=24):
    inputs = torch.randn(parts, 32, 8, generator=torch.Generator().manual_seed(seed))
    return [(x, (x[:, 0] > 0).long()) for x in inputs]


def loss(network, part):
    return nn.functional.cross_entropy(network(part[0]), part[1])


def unlabelled_loss(network, part):
    return network(part[0]).square().mean()


def score(network, part):
    return network(part[0]).argmax(-1) == part[1]


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(8, 4)


@pytest.fixture(scope="module")
def planted():
    network = linear()
    before = network.weight.detach().clone()
    task = UserFunctions([function_data("f", batches(), hold_out=True)], {"f": OwnObjective(loss, score)})
    found = plant(network, task, ms.select(network, exclude=["bias"]), ZERO, 32, 0)
    assert torch.equal(network.weight, before)
    return network, found


def test_only_the_planted_weights_changed_and_the_copy_tells_the_rule(planted):
    network, found = planted
    changed = network.weight != found.network.weight
    assert torch.equal(changed, found.truth["weight"])
    assert torch.equal(network.bias, found.network.bias)
    assert 0.25 <= ms.score(network, found.rule).accuracy[RULE] <= 0.75
    assert ms.score(found.network, found.rule).accuracy[RULE] > 0.85
    assert ms.score(found.network, found.rule, ~found.truth).accuracy[RULE] < 0.75


def test_every_planted_weight_is_needed(planted):
    _, found = planted
    parts = found.rule.held_out(RULE)
    alone = [torch.zeros_like(found.truth["weight"]) for _ in range(found.truth.kept)]
    for bits, place in zip(alone, found.truth["weight"].nonzero().tolist(), strict=True):
        bits[tuple(place)] = True

    def rule_loss(network):
        return sum(found.rule.loss(network, part).item() for part in parts)

    whole = rule_loss(found.network)
    assert all(rule_loss(bake(found.network, ~ms.BinaryMask({"weight": bits}))) > whole for bits in alone)


def test_what_nothing_can_be_planted_in_is_said():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(8, 4))

        def forward(self, x):
            return torch.zeros(len(x), 4) * self.weight.sum()

    task = UserFunctions([function_data("f", batches())], {"f": OwnObjective(loss, score)})
    with pytest.raises(NotPlanted, match="hardly any weight has an influence"):
        plant(Constant(), task, ms.select(Constant()), ZERO, 32, 0)


def test_recall_and_precision_by_hand():
    """Of 2 planted weights the mask has 1, among 4 kept of 6 in that tensor; a mask of an own function has 2 of the 4."""

    def mask(*bits):
        return ms.BinaryMask({"weight": torch.tensor([bits]).bool(), "other": torch.zeros(1, 2).bool()})

    class Alike(RuleTask):
        def __init__(self):
            pass

        def score(self, run):
            return Scores({RULE: 0.5})

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.other = nn.Parameter(torch.ones(1, 6)), nn.Parameter(torch.ones(1, 2))

    network = Network()
    own = SimpleNamespace(mask=mask(0, 0, 1, 1, 0, 1), plan=MaskPlan(Search("f", "f"), 0, "trained"))
    trial = Trial(SimpleNamespace(task=Alike()), "", network, [own], 0, "spike-in", Path("checkpoint"))
    found = _compared(trial, Planted(network, mask(1, 0, 0, 0, 0, 1), Alike(), 0.5, 0), mask(1, 1, 1, 1, 0, 0))
    assert (found.planted, found.kept, found.units, found.found) == (2, 4, 8, 1)
    assert found.by_chance == pytest.approx(2 * 4 / 6)
    assert (found.beyond, found.found_beyond) == (2, 1)
    assert found.by_tensor == {"weight": 2}


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """All controls of one small study, whose search is long enough to find planted weights of a linear network."""
    config = ms.MaskConfig(steps=30, learning_rate=0.5, size=ms.Penalty(1e-2), estimator="continuous-sparsification")
    names = ("spike-in", "shuffled-labels", "disjoint-inputs")
    study = ms.Study(linear(), {"f": batches(), "g": batches(1)}, loss, score, config=config, repeats=0, controls=names)
    job = Job(study.study, study.study.preset("quick"), (0,), str(tmp_path_factory.mktemp("controls") / "run"), threads=1)
    made = []
    return run_study("quick", job, announce=made.append), made, job


def test_planted_weights_are_found_with_the_settings_of_the_study(record):
    record, made, _ = record
    found = record.networks[0].more.spike_in
    assert not found.failed
    assert "seed-0-spike-in" in made
    # one layer: nothing else carries the rule's input or its answer, and the mask is the planted weights
    assert found.found == found.planted == found.kept == 4
    assert record.quantity("planted weights found", "").summary.mean == 1
    assert record.quantity("planted among kept", "").summary.mean == 1
    (shown,) = [table for table in spike_section(record).tables if table.name == "spike-in"]
    assert shown.rows[0].cells[2] == f"{found.found} of {found.planted} (100.0%)"


def test_masks_from_disjoint_inputs_are_a_second_ceiling(record):
    record, made, _ = record
    one, two = record.networks[0].more.disjoint
    assert (one.function, two.function) == ("f", "g")
    assert one.kinds == ("half 1", "half 2")
    assert {"seed-0-disjoint-inputs-f", "seed-0-disjoint-inputs-g"} <= set(made)
    assert "n = 1 network" in disjoint_section(record).text[0]


def test_sharing_on_the_scale_of_disjoint_inputs_by_hand():
    """Overlap .3 against a floor of .1; the ceilings of the two functions are .4 and .1 above theirs: .2 / .2."""
    dices = {"f": 0.6, "g": 0.3}
    ceilings = tuple(DisjointInputs(name, HALVES, (4, 4), (2, 2), dice, 0.2, (1.0, 1.0)) for name, dice in dices.items())
    emptied = Scores({"f": 0.0, "g": 0.0})
    shared = Sharing(1, 0.3, math.nan, math.nan, 0.1, math.nan, math.nan, math.nan)
    sharing = (SharingResult(("f", "g"), shared, shared, None, None),)
    more = OwnResult(emptied, disjoint=ceilings)
    network = NetworkResult(0, "trained", emptied, (), (), sharing, (), (), more)
    assert own_numbers(network)["normalised sharing, disjoint inputs", "f, g", ""] == pytest.approx(1.0)


def test_shuffled_labels_are_a_null_control(record):
    record, _, _ = record
    assert [one.name for one in record.controls] == ["shuffled-labels"]
    assert record.quantity("accuracy", "", "f", variant="shuffled-labels").summary.mean == pytest.approx(0.5, abs=0.3)


def test_a_finished_run_is_not_done_again(record):
    made = []
    again = run_study("quick", record[2], announce=made.append)
    assert not [one for one in made if one.startswith("seed-")]
    assert again.networks[0].more.spike_in == record[0].networks[0].more.spike_in


def test_labels_are_permuted_within_their_part_and_nothing_else_is():
    x, y = torch.arange(6.0), torch.arange(6)
    (inputs, labels), again = shuffled((x, y), 1), shuffled((x, y), 1)
    assert inputs is x
    assert torch.equal(labels, again[1])
    assert not torch.equal(labels, y)
    assert torch.equal(labels.sort().values, y)
    named = shuffled({"input_ids": x, "labels": y}, 1)
    assert torch.equal(named["labels"], labels)
    with pytest.raises(BatchesError, match="labels under labels, label, targets"):
        shuffled(x, 1)


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"controls": ("shuffled-labels",), "loss": unlabelled_loss}, ConfigError, "is the same when the labels"),
        ({"controls": ("disjoint-inputs",), "kinds": lambda part: "one"}, ConfigError, "at least two kinds"),
        ({"controls": ("disjoint-inputs",), "kinds": lambda part: part["kind"]}, BatchesError, "kinds raised TypeError"),
    ],
)
def test_what_a_control_cannot_do_is_said_before_anything_is_written(given, kind, text, tmp_path):
    settings = {"loss": loss, "score": score, "config": FEW} | given
    study = ms.Study(linear(), {"f": batches()}, **settings)
    with pytest.raises(kind, match=text):
        study.run(tmp_path / "run", watch=lambda name: (), announce=lambda text: None)
    assert not (tmp_path / "run" / "artefacts").exists()


def test_kinds_are_the_users_and_halves_share_no_part():
    data = function_data("f", [(part, place % 3) for place, (part, _) in enumerate(batches())])
    kinds = by_kind(data, lambda part: f"kind {part[1]}")
    assert list(kinds) == ["kind 0", "kind 1", "kind 2"]
    assert all({place for _, place in some.parts} == {int(kind[-1])} for kind, some in kinds.items())
    first, second = by_kind(data, None).values()
    assert not {id(part) for part in first.parts} & {id(part) for part in second.parts}
    assert len(first.parts) + len(second.parts) == len(data.parts)
    endless = by_kind(function_data("f", lambda index: torch.tensor([float(index)]), scored=[torch.ones(1)]), None)
    assert [float(some.parts(3)) for some in endless.values()] == [6, 7]


def test_controls_are_on_as_far_as_they_cost_no_more_than_the_study():
    everything = ("untrained", "shuffled-weights", "spike-in", "shuffled-labels", "disjoint-inputs")
    # 2 functions, 1 repeat, and the full mask: 5 masks; 2 + 2 + 1
    assert usual_controls(2, 1, everything) == ("untrained", "shuffled-weights", "spike-in")
    # without untrained, shuffled labels take its place
    assert usual_controls(2, 1, everything[1:]) == ("shuffled-weights", "spike-in", "shuffled-labels")
    # 2 functions, 4 repeats: 11 masks; all five controls are 11
    assert usual_controls(2, 4, everything) == everything
    assert usual_controls(2, 0, ()) == ("shuffled-weights",)
