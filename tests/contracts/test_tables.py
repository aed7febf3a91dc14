"""What every penalty, network, task and study owes, taken from the tables: a new row is tested the moment it exists."""

import math
from pathlib import Path

import pytest
import torch

import maskscope as ms
from maskscope import zoo
from maskscope.engine.address import known_studies, study_at
from maskscope.engine.runtime import Runtime
from maskscope.errors import MaskscopeError
from maskscope.masks import BehaviourKept, Penalty, TargetDensity
from maskscope.masks.sizes import PULLS, pull_named
from maskscope.procedure.plans import full_mask_plan
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.work import SeedWork, make_network
from maskscope.studies.images import networks as image_networks
from maskscope.studies.permuted_images.grow import GrowthWork
from maskscope.training import isolated_random
from tests.small_images import small_images


@pytest.mark.parametrize("name", PULLS)
@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_a_penaltys_gradient_is_the_derivative_of_its_value(name, temperature):
    pull = pull_named(name)
    logits = torch.linspace(-3, 3, 7, requires_grad=True)
    (derivative,) = torch.autograd.grad(0.3 * pull.value(logits, temperature), logits)
    gradient = torch.full((7,), 9.0)
    pull.begin_gradient(logits.detach(), 0.3, temperature, gradient)
    torch.testing.assert_close(gradient, derivative)
    pull.begin_gradient(logits.detach(), 0.0, temperature, gradient)
    assert gradient.abs().sum() == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Penalty(-1.0), "The weight of the penalty is -1.0; a finite number of at least 0"),
        (lambda: Penalty(math.nan), "The weight of the penalty is nan"),
        (lambda: pull_named("logit"), "There is no penalty 'logit'. Did you mean 'logits'"),
        (lambda: TargetDensity(0.0), "The target density is 0.0; a share above 0 and below 1"),
        (lambda: TargetDensity(0.1, reached_after=2.0), "reached_after is 2"),
        (lambda: TargetDensity(0.01).kept(10), r"less than half of one unit: there are 10 units. Ask for at least 0.1"),
        (lambda: BehaviourKept(1.1), "The share of the behaviour to keep is 1.1"),
        (lambda: BehaviourKept(parts=1), "parts is 1; at least 2 held-out parts"),
        (lambda: BehaviourKept(cost=0.5), "cost is 0.5; at least 1"),
        (lambda: BehaviourKept(error=0.0), "error is 0.0; a chance above 0"),
    ],
)
def test_a_size_checks_itself(make, message):
    with pytest.raises(MaskscopeError, match=message):
        make()


NETWORKS = {
    "CNN": lambda: zoo.CNN(3, 1),
    "LSTM": lambda: zoo.LSTM(6, 3, hidden=5),
    "MLP": lambda: zoo.MLP([6, 9, 5, 3]),
    "ResNet": lambda: zoo.ResNet(8, 3, 1),
    "SequenceLSTM": lambda: zoo.SequenceLSTM(6, 5, hidden=5, embedding=4),
    "SequenceTransformer": lambda: zoo.SequenceTransformer(6, 5, width=8, heads=2, feedforward=16, layers=1),
    "Transformer": lambda: zoo.Transformer(6, 4, 3, width=8, heads=2, feedforward=16, layers=1),
}
SIZES_OF_THE_PAPER = [  # all parameters, and those without biases, as the authors' code counts them
    (zoo.CNN(), 390_986, None),
    (zoo.CNN(dropout=False), 390_986, None),
    (zoo.LSTM(42, 20), None, 834_560),
    (zoo.MLP([784, 800, 800, 64, 10]), 1_320_714, None),
    (zoo.MLP([42, 800, 800, 800, 800, 20]), 1_972_820, 1_969_600),
]


@pytest.mark.parametrize(("network", "everything", "without_biases"), SIZES_OF_THE_PAPER)
def test_networks_have_the_papers_sizes(network, everything, without_biases):
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    assert everything in (None, sum(sizes.values()))
    assert without_biases in (None, sum(size for name, size in sizes.items() if "bias" not in name))


def test_every_network_of_the_zoo_is_here():
    assert set(NETWORKS) == set(zoo.__all__)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_reproducible_and_leaves_the_generator_alone(name):
    before = torch.get_rng_state()
    networks = []
    for seed in (1, 1, 2):
        with isolated_random(seed):
            networks.append(NETWORKS[name]())
    assert torch.equal(before, torch.get_rng_state())
    first, same, other = ([p.detach() for p in network.parameters()] for network in networks)
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


STUDIES = {name: study_at(name) for name in known_studies()}
ALL = [(name, kind) for name, study in STUDIES.items() for kind in study.presets]
OF_MASKS = [(name, kind) for name, kind in ALL if isinstance(STUDIES[name].procedure, MaskProcedure)]
RUNTIME = Runtime(Path("runs"), torch.device("cpu"))


@pytest.fixture(autouse=True)
def _small_images(monkeypatch):
    """Every study that reads images gets small ones."""
    of_one_channel = ("mnist", "fashion-mnist")
    monkeypatch.setattr(
        image_networks, "images_of", lambda name, _: small_images(name, channels=1 if name in of_one_channel else 3)
    )


def test_a_network_that_grows_takes_a_step():
    assert set(ALL) - set(OF_MASKS) == {("permuted-mnist", "mlp")}
    study = STUDIES["permuted-mnist"]
    assert GrowthWork(study.preset("smoke"), 0, RUNTIME).time_steps(1) > 0


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_a_studys_claims_have_names_of_their_own_and_rules(name, kind):
    study = STUDIES[name]
    claims = study.claims_about(study.preset("smoke", kind))
    assert study.kind_of(study.preset("smoke", kind)) == kind
    assert len({claim.name for claim in claims}) == len(claims)
    assert all(claim.conditions and claim.question.endswith("?") for claim in claims)
    assert {"quick", "paper"} & set(study.presets[kind])


@pytest.mark.parametrize(("name", "kind"), OF_MASKS)
class TestStudy:
    def test_its_task_feeds_trains_and_scores_its_network(self, name, kind):
        spec, subject = STUDIES[name].preset("smoke", kind), STUDIES[name].procedure.subject
        task = subject.task(spec, RUNTIME.device)
        guest = make_network(subject, spec, 0, task)
        for function in (*task.mask_targets, task.whole):
            part = task.batches(function, 8, 0)(0)
            assert task.loss(guest, part).shape == ()
        with torch.no_grad():
            scores = task.score(guest)
        assert set(scores.accuracy) == set(task.functions)
        assert all(0 <= value <= 1 for value in scores.accuracy.values())
        ms.discover(guest, task.loss, task.batches(task.whole, 4, 0), config=ms.MaskConfig(steps=1, samples_per_step=1))

    def test_its_tensors_are_named_as_its_network_has_them(self, name, kind):
        spec, subject = STUDIES[name].preset("smoke", kind), STUDIES[name].procedure.subject
        network = make_network(subject, spec, 0, subject.task(spec, RUNTIME.device))
        names = ms.select(network, exclude=subject.excluded(spec)).names
        io = subject.io_tensors(spec, names)
        assert len(io) == (0 if name != "double-addition" else 1 if kind == "transformer" else 2)
        assert set(io) <= set(names)
        for early in subject.early_tensors(spec, names, 0):
            assert 0 < len(early) < len(names)
            assert set(early) < set(names)

    def test_its_masks_are_all_different(self, name, kind):
        spec, procedure = STUDIES[name].preset("smoke", kind), STUDIES[name].procedure
        subject, work = procedure.subject, SeedWork(procedure.subject, spec, 0, RUNTIME)
        plans = procedure.plans(spec, work)
        masks = [plan for group in plans.groups for plan in group]
        assert len(set(masks)) == len(masks)
        assert (full_mask_plan("trained") in masks) == subject.has_full_mask(spec)
        for search in subject.searches(spec, work.task):
            found = [mask for mask in masks if (mask.search, mask.network) == (search, "trained")]
            assert len(found) == (1 + spec.repeats if search.compared else 1)
            for control in spec.controls:
                assert any((mask.search, mask.network) == (search, control) for mask in masks) == search.compared
        searched = [network.name for network in plans.networks if network.companion is None or network.is_null]
        assert {mask.network for mask in masks} == set(searched)
