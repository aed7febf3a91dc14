"""What every penalty, network, task and experiment owes, taken from the tables: a new row is tested the moment it exists."""

import math

import pytest
import torch
from maskscope.studies.catalogue import EXPERIMENTS

import maskscope as ms
from maskscope import zoo
from maskscope.engine.job import Job
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import PENALTIES, make_penalty
from maskscope.procedure.stages import MaskPlan, mask_groups, plan_masks
from maskscope.studies.arithmetic.networks import early_subsets, io_tensors, make_network, make_task, unmasked
from maskscope.studies.images.spec import ImageSpec, PermutedImagesSpec
from maskscope.studies.permuted_images.study import GrowthStudy
from maskscope.training import isolated_random
from tests.small_images import small_images


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penaltys_gradient_is_the_derivative_of_its_value(name):
    penalty = make_penalty(name, 0.3)
    logits = torch.linspace(-3, 3, 7, requires_grad=True)
    (derivative,) = torch.autograd.grad(penalty.value(logits), logits)
    gradient = torch.full((7,), 9.0)
    penalty.begin_gradient(logits.detach(), gradient)
    torch.testing.assert_close(gradient, derivative)
    nothing = torch.full((7,), 9.0)
    make_penalty(name, 0.0).begin_gradient(logits.detach(), nothing)
    assert nothing.abs().sum() == 0


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("weight", [-1.0, math.nan])
def test_a_penaltys_weight_is_checked(name, weight):
    with pytest.raises(ConfigError, match="penalty_weight is"):
        make_penalty(name, weight)
    with pytest.raises(UnknownNameError, match="There is no penalty"):
        make_penalty(name + "s", 1.0)


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


ALL = [(name, network) for name, one in EXPERIMENTS.items() for network in one.presets]
GROWING = [(name, network) for name, network in ALL if EXPERIMENTS[name].spec is PermutedImagesSpec]
PRESETS = [one for one in ALL if one not in GROWING]


@pytest.fixture(autouse=True)
def _small_images(monkeypatch):
    """Every experiment that reads images gets small ones."""
    of_one_channel = ("mnist", "fashion-mnist")
    monkeypatch.setattr(
        image_networks, "images_of", lambda name, _: small_images(name, channels=1 if name in of_one_channel else 3)
    )


@pytest.mark.parametrize(("name", "network"), GROWING)
def test_a_network_that_grows_takes_a_step(name, network, tmp_path):
    spec = EXPERIMENTS[name].preset("smoke", network)
    assert EXPERIMENTS[name].kind_of(spec) == network
    study = GrowthStudy(spec, 0, Job(spec, (0,), str(tmp_path)).place(lambda name: (), lambda text: None))
    assert study.time_steps(1) > 0


@pytest.mark.parametrize(("name", "network"), ALL)
def test_an_experiments_claims_have_names_of_their_own_and_rules(name, network):
    claims = EXPERIMENTS[name].claims_about(EXPERIMENTS[name].preset("smoke", network))
    assert len({claim.name for claim in claims}) == len(claims)
    assert all(claim.conditions and claim.question.endswith("?") for claim in claims)
    assert "smoke" in EXPERIMENTS[name].presets[network]
    assert {"quick", "paper"} & set(EXPERIMENTS[name].presets[network])


@pytest.mark.parametrize(("name", "network"), PRESETS)
class TestExperiment:
    def test_its_task_feeds_trains_and_scores_its_network(self, name, network):
        spec = EXPERIMENTS[name].preset("smoke", network)
        assert EXPERIMENTS[name].kind_of(spec) == network
        task = make_task(spec, torch.device("cpu"))
        guest = make_network(spec, 0, task)
        for function in (*task.mask_targets, task.whole):
            part = task.batches(function, 8, 0)(0)
            assert task.loss(guest, part).shape == ()
        with torch.no_grad():
            scores = task.score(guest)
        assert set(scores.accuracy) == set(task.functions)
        assert all(0 <= value <= 1 for value in scores.accuracy.values())
        ms.discover(guest, task.loss, task.batches(task.whole, 4, 0), config=ms.MaskConfig(steps=1, samples_per_step=1))

    def test_its_tensors_are_named_as_its_network_has_them(self, name, network):
        spec = EXPERIMENTS[name].preset("smoke", network)
        task = make_task(spec, torch.device("cpu"))
        names = [weight.name for weight in ms.select(make_network(spec, 0, task), exclude=unmasked(spec)).weights]
        io = io_tensors(spec, names)
        assert len(io) == (0 if name != "double-addition" else 1 if network == "transformer" else 2)
        assert set(io) <= set(names)
        for early in early_subsets(spec, names, 0):
            assert 0 < len(early) < len(names)
            assert set(early) < set(names)

    def test_its_masks_are_all_different(self, name, network):
        for _, spec in EXPERIMENTS[name].presets[network].values():
            if isinstance(spec, ImageSpec) and spec.full_mask:
                assert MaskPlan("all", 0, "trained") in mask_groups(spec, plan_masks(spec, ("f", "g"), "all"), "all", 9)[0]
            masks = plan_masks(spec, ("f", "g"), "all")
            assert len(set(masks)) == len(masks)
            for function in ("f", "g"):
                assert sum((mask.function, mask.variant) == (function, "trained") for mask in masks) == 1 + spec.repeats
                for control in spec.controls:
                    assert any((mask.function, mask.variant) == (function, control) for mask in masks)
            assert len({mask.variant for mask in masks}) == 1 + len(spec.controls) + spec.unrelated
