"""Losses by name: their values by hand, on every way in which networks return logits, and what they refuse."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional

from maskscope.errors import BatchesError, ConfigError, LossError, UnknownNameError
from maskscope.tasks.calling import call_of
from maskscope.tasks.named_objectives import Labels, Unmasked, Values
from maskscope.tasks.objectives import objective_of


@dataclass
class Output:
    logits: torch.Tensor


WAYS = {
    "a tensor": lambda logits: logits,
    "a tuple": lambda logits: (logits, "more"),
    "a mapping": lambda logits: {"loss": None, "logits": logits},
    "an object": lambda logits: Output(logits),
}


class Fixed(nn.Module):
    """Returns its weight, whatever it is asked."""

    def __init__(self, logits, way=WAYS["a tensor"]):
        super().__init__()
        self.weight, self.way = nn.Parameter(torch.tensor(logits), requires_grad=False), way

    def forward(self, input_ids, attention_mask=None):
        return self.way(self.weight)


X = torch.zeros(2, 1)
LOGITS = [[0.0, math.log(3.0)], [math.log(3.0), 0.0]]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    "part",
    [
        (X, torch.tensor([1, 1])),
        ({"input_ids": X}, torch.tensor([1, 1])),
        {"input_ids": X, "labels": torch.tensor([1, 1]), "name": "not an argument"},
        {"image": X, "label": torch.tensor([[1], [1]])},
    ],
    ids=["pair", "mapping and labels", "mapping", "one entry of another name"],
)
def test_labels_are_cross_entropy_however_logits_come(way, part):
    network = Fixed(LOGITS, way)
    assert float(Labels().loss(network, part, None)) == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)
    assert Labels().score(network, part, None).tolist() == [True, False]


def test_labels_of_positions_and_pixels_without_those_that_ask_for_nothing():
    logits, labels = torch.randn(2, 5, 3).tolist(), torch.tensor([[0, 1, -100, 2, 2], [1, 1, 0, -100, 0]])
    expected = functional.cross_entropy(torch.tensor(logits).movedim(2, 1), labels)
    assert float(Labels().loss(Fixed(logits), (X, labels), None)) == pytest.approx(float(expected))
    assert len(Labels().score(Fixed(logits), (X, labels), None)) == 8
    images, classes = torch.randn(2, 3, 4, 4).tolist(), torch.randint(3, (2, 4, 4))
    expected = functional.cross_entropy(torch.tensor(images), classes)
    assert float(Labels().loss(Fixed(images), (X, classes), None)) == pytest.approx(float(expected))
    assert Labels().score(Fixed(images), (X, classes), None).float().mean() == pytest.approx(
        float((torch.tensor(images).argmax(1) == classes).float().mean())
    )


def test_one_logit_answers_yes_or_no():
    part = X, torch.tensor([1, 0])
    expected = -(math.log(0.75) + math.log(0.5)) / 2
    for logits in ([[math.log(3.0)], [0.0]], [math.log(3.0), 0.0]):
        assert float(Labels().loss(Fixed(logits), part, None)) == pytest.approx(expected)
        assert Labels().score(Fixed(logits), part, None).tolist() == [True, True]


def test_a_causal_language_model_predicts_the_next_position():
    network, ids = Fixed(torch.randn(2, 4, 5).tolist()), torch.randint(5, (2, 4))
    network.loss_type = "ForCausalLM"
    expected = functional.cross_entropy(network.weight[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    assert float(Labels().loss(network, {"input_ids": ids, "labels": ids}, None)) == pytest.approx(float(expected))


@pytest.mark.parametrize(("loss", "shape"), [("ForConditionalGeneration", (2, 3, 4, 5)), (None, (2, 4, 5))])
def test_a_decoder_that_generates_is_a_causal_language_model_unless_it_has_an_encoder(loss, shape):
    network, ids = Fixed(torch.randn(*shape).tolist()), torch.randint(5, shape[:-1])
    network.loss_type, network.can_generate, network.config = loss, lambda: True, SimpleNamespace(is_encoder_decoder=False)
    part = {"input_ids": ids, "labels": ids}
    expected = functional.cross_entropy(network.weight[..., :-1, :].reshape(-1, 5), ids[..., 1:].flatten())
    assert float(Labels().loss(network, part, None)) == pytest.approx(float(expected))
    network.config.is_encoder_decoder = True
    expected = functional.cross_entropy(network.weight.reshape(-1, 5), ids.flatten())
    assert float(Labels().loss(network, part, None)) == pytest.approx(float(expected))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_losses_of_numbers_of_16_bits_are_summed_in_32(dtype):
    network, x = Fixed([[0.0, 300.0]] * 512).to(dtype), torch.zeros(512, 1)
    assert float(Labels().loss(network, (x, torch.zeros(512, dtype=torch.long)), None)) == 300
    assert float(Values().loss(network, (x, torch.zeros(512, 2)), None)) == 45000
    assert float(Values().score(network, (x, network.weight), None)) == 1


def test_unmasked_is_the_divergence_from_the_networks_own_answers():
    whole, masked = Fixed(LOGITS), Fixed([[0.0, 0.0], [math.log(3.0), 0.0]])
    answers = Unmasked().answers(whole, X)
    expected = (0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)) / 2
    assert float(Unmasked().loss(masked, X, answers)) == pytest.approx(expected)
    assert Unmasked().score(masked, X, answers).tolist() == [False, True]
    assert float(Unmasked().loss(whole, X, answers)) == pytest.approx(0)


def test_unmasked_does_not_count_padding():
    whole, masked = Fixed([LOGITS]), Fixed([[[9.0, 0.0], LOGITS[1]]])
    part = {"input_ids": X, "attention_mask": torch.tensor([[0, 1]])}
    answers = Unmasked().answers(whole, part)
    assert float(Unmasked().loss(masked, part, answers)) == pytest.approx(0, abs=1e-7)
    assert Unmasked().score(masked, part, answers).tolist() == [True]


def test_unmasked_of_one_logit():
    whole, masked = Fixed([[math.log(3.0)], [-1.0]]), Fixed([[0.0], [-1.0]])
    answers = Unmasked().answers(whole, X)
    expected = (0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)) / 2
    assert float(Unmasked().loss(masked, X, answers)) == pytest.approx(expected)
    assert Unmasked().score(masked, X, answers).tolist() == [False, True]


def test_values_are_mean_squares_and_explained_variance():
    network, targets = Fixed([[1.0], [3.0]]), torch.tensor([1.0, 5.0])
    assert float(Values().loss(network, (X, targets), None)) == pytest.approx(2)
    assert float(Values().score(network, (X, targets), None)) == pytest.approx(1 - 4 / 8)
    assert float(Values().score(network, (X, torch.tensor([9.0, 10.0])), None)) == 0


def test_values_of_an_inner_module_are_those_of_the_unmasked_network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).requires_grad_(False)
    x, objective = torch.randn(8, 3), Values(at="1")
    answers = objective.answers(network, x)
    assert torch.equal(answers, network[:2](x))
    assert float(objective.loss(network, x, answers)) == 0
    assert float(objective.score(network, x, answers)) == 1
    assert not network[1]._forward_hooks
    with pytest.raises(ConfigError, match=r"no module 'one'. Its modules are 0, 1, 2\."):
        Values(at="one").answers(network, x)


class Two(nn.Module):
    def forward(self, first, second):
        return first + second


def test_how_a_part_is_given_to_the_network():
    x, y = torch.ones(2), torch.tensor([0])
    assert call_of(Two(), (x, y)).labels is None, "forward needs both"
    assert call_of(Two(), (x, x, y)).labels is y
    assert call_of(Two(), ((x, x), y)).arguments == (x, x)
    assert call_of(Two(), ({"first": x, "second": x}, y)).named == {"first": x, "second": x}
    with pytest.raises(BatchesError, match=r"Two.forward cannot be called with what a part gives \(first\): missing .*'second'"):
        call_of(Two(), {"first": x, "labels": y}).of(Two())


@pytest.mark.parametrize(
    ("labels", "logits", "message"),
    [
        ([0.5, 1.0], LOGITS, "whole numbers; the labels are float32.*loss='values'"),
        ([[0, 1, 1], [1, 1, 1]], LOGITS, r"cannot pair logits of the shape \[2, 2\] with labels of the shape \[2, 3\]"),
        ([0, 5], LOGITS, "Labels go from 0 to 5, and the network has 2 classes"),
        ([0, 2], [0.1, 0.2], "Labels go from 0 to 2, and the network has one logit for each label"),
    ],
)
def test_labels_that_do_not_fit_are_refused_with_what_to_write(labels, logits, message):
    with pytest.raises(LossError, match=message) as error:
        Labels().check(Fixed(logits), (X, torch.tensor(labels)))
    assert "def loss(network, part):" in str(error.value)


def test_what_is_no_objective_is_refused():
    with pytest.raises(BatchesError, match="needs labels, and a part has none.*loss='unmasked'"):
        Labels().loss(Fixed(LOGITS), X, None)
    with pytest.raises(BatchesError, match="needs targets, and a part has none"):
        Values().loss(Fixed(LOGITS), X, None)
    with pytest.raises(LossError, match="needs logits.*the network returned a str"):
        Labels().loss(Fixed(LOGITS, lambda logits: "text"), (X, torch.tensor([0, 1])), None)
    with pytest.raises(LossError, match=r"compares numbers one by one.*\[2, 2\].*\[3\]"):
        Values().loss(Fixed(LOGITS), (X, torch.zeros(3)), None)
    with pytest.raises(UnknownNameError, match="no loss 'label'. Did you mean 'labels'"):
        objective_of("label", None)
    with pytest.raises(ConfigError, match="A loss of one's own needs a score"):
        objective_of(lambda network, part: 0, None)
    with pytest.raises(ConfigError, match="score is of the type int"):
        objective_of("labels", 3)
    own = objective_of("labels", lambda network, part: 0.5)
    assert own.score(Fixed(LOGITS), (X, torch.tensor([1, 1])), None) == 0.5
    assert float(own.loss(Fixed(LOGITS), (X, torch.tensor([1, 0])), None)) == pytest.approx(-math.log(0.75))
