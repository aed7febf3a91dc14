"""Losses that differentiate on their way: only our own backward pass counts, in every executor, and nothing of theirs is left."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

import maskscope as ms
from maskscope.errors import ConfigError
from maskscope.masks import (
    EXECUTORS,
    LearnedMask,
    MaskLogits,
    Noise,
    evaluation_mode,
    gate,
    make_estimator,
    make_executor,
    make_kernels,
    masked_weights,
)
from maskscope.masks.executors import batched
from maskscope.masks.kernels.counter import draw_words

TEACHER = nn.Linear(5, 3)


def body():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))


def part(index):
    random = torch.Generator().manual_seed(index)
    return torch.randn(6, 5, generator=random), torch.randint(3, (6,), generator=random)


def attacked(net, x, y, way):
    """The inputs moved by the sign of the loss's gradient."""
    x = x.clone().requires_grad_()
    loss = cross_entropy(net(x), y)
    if way == "grad":
        (gradient,) = torch.autograd.grad(loss, x)
    else:
        loss.backward()
        gradient = x.grad
    if way == "zero_grad":
        net.zero_grad()
    return (x + 0.1 * gradient.sign()).detach()


def attack(way):
    return lambda net, part: cross_entropy(net(attacked(net, *part, way)), part[1])


def twice_backward(net, part):
    """An inner backward pass before the loss is made, and one of a part of the same graph."""
    output = net(part[0])
    output.square().mean().backward(retain_graph=True)
    cross_entropy(net(part[0]), part[1]).backward()
    return cross_entropy(output, part[1])


def gradient_penalty(net, part):
    x = part[0].clone().requires_grad_()
    output = net(x)
    (slope,) = torch.autograd.grad(output.square().sum(), x, create_graph=True)
    return cross_entropy(output, part[1]) + slope.square().mean()


def weight_penalty(net, part):
    """The length of the gradient with respect to the masked weights themselves."""
    loss = cross_entropy(net(part[0]), part[1])
    slopes = torch.autograd.grad(loss, list(net.parameters()), create_graph=True)
    return loss + sum(slope.square().sum() for slope in slopes)


def backward_with_graph(net, part):
    x = part[0].clone().requires_grad_()
    output = net(x)
    (slope,) = torch.autograd.grad(output.sum(), x, create_graph=True)
    slope.square().mean().backward(retain_graph=True)
    return cross_entropy(output, part[1]) + slope.square().mean()


def saliency(net, part):
    hidden = net[1](net[0](part[0]))
    (slope,) = torch.autograd.grad(net[2](hidden).sum(), hidden, retain_graph=True)
    return cross_entropy(net[2](hidden * (1 + slope.detach().tanh())), part[1])


def teacher(net, part):
    """Trains another network's gradients on the way."""
    mse_loss(TEACHER(part[0]), net(part[0])).backward()
    return mse_loss(net(part[0]), TEACHER(part[0]).detach())


def jacobian(net, part):
    slopes = torch.func.vmap(torch.func.jacrev(net))(part[0])
    return cross_entropy(net(part[0]), part[1]) + slopes.square().mean()


def func_grad(net, part):
    slope = torch.func.grad(lambda x: net(x).square().sum())(part[0])
    return cross_entropy(net(part[0] + 0.1 * slope), part[1])


LOSSES = {
    "attack by grad": attack("grad"),
    "attack by backward": attack("backward"),
    "attack by backward and zero_grad": attack("zero_grad"),
    "two inner passes": twice_backward,
    "gradient penalty": gradient_penalty,
    "penalty on the weights' gradient": weight_penalty,
    "backward of a gradient": backward_with_graph,
    "saliency": saliency,
    "teacher": teacher,
    "jacobian": jacobian,
    "torch.func.grad": func_grad,
}
BATCHED = {"jacobian", "torch.func.grad"}  # what torch.func itself makes goes on under vmap


ESTIMATOR = make_estimator("rao-blackwell")


def step_of(network, loss, executor, parts):
    """Losses and the gradient of the logits of a step with a sample for each part."""
    selection = ms.select(network)
    weights = selection.of(network)
    flat = torch.randn(selection.count, generator=torch.Generator().manual_seed(1))
    mask = LearnedMask(MaskLogits(selection, flat), torch.zeros(selection.count), Noise(3, "f"))
    units = gate(weights, weights, [mask], make_kernels(torch.device("cpu")), ESTIMATOR.law())
    with evaluation_mode(network):
        losses = make_executor(executor, network, loss, units).add_gradients(0, [parts], len(parts))
    return losses, mask


def reference(loss, parts, mask):
    """The same by plain autograd over plain networks into which the masked weights are written."""
    total_loss, total = 0.0, torch.zeros_like(mask.logits.flat)
    for sample, one in enumerate(parts):
        network = body().eval()
        weights = {name: weight.detach().clone() for name, weight in network.named_parameters()}
        drawn = ms.sample(mask.logits, mask.noise, step=0, index=sample)
        with torch.no_grad():
            for name, value in masked_weights(weights, drawn).items():
                network.get_parameter(name).copy_(value)
        value = loss(network, one)
        slopes = dict(zip(weights, torch.autograd.grad(value, list(network.parameters())), strict=True))
        total_loss += float(value.detach()) / len(parts)
        shares = []
        for name, logits in mask.logits.by_tensor().items():
            words = draw_words(mask.noise.key(name), step=0, block=0, first=0, count=logits.numel())[sample : sample + 1]
            of_logit = ESTIMATOR.gates(logits.flatten(), words).slope.view(logits.shape)
            shares.append((weights[name] * slopes[name] * of_logit / len(parts)).flatten())
        total += torch.cat(shares)
    return total_loss, total


@pytest.mark.parametrize("whole_bytes", [0, 1 << 20])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", LOSSES)
def test_the_logits_get_the_gradient_of_the_loss_and_nothing_else(name, executor, whole_bytes, monkeypatch):
    monkeypatch.setattr(batched, "WHOLE_BYTES", whole_bytes)
    network, parts = body(), [part(index) for index in range(3)]
    if executor == "batched" and not (name in BATCHED and whole_bytes):
        with pytest.raises(ConfigError, match="cannot go in one call"):
            step_of(network, LOSSES[name], executor, parts)
        return
    losses, mask = step_of(network, LOSSES[name], executor, parts)
    value, wanted = reference(LOSSES[name], parts, mask)
    assert float(losses[0]) == pytest.approx(value, rel=1e-5)
    torch.testing.assert_close(mask.gradient, wanted, rtol=1e-4, atol=1e-6 * float(wanted.abs().max()))
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    "pair", [("attack by grad", "attack by backward"), ("attack by grad", "attack by backward and zero_grad")]
)
@pytest.mark.parametrize("executor", ["auto", "sequential", "threads"])
def test_a_search_finds_the_same_by_either_way(pair, executor):
    config = ms.MaskConfig(steps=4, learning_rate=0.1, samples_per_step=2)
    found = [
        ms.discover(body(), LOSSES[name], part, config=config, compute=ms.Compute(executor=executor)).logits.flat for name in pair
    ]
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "pair", [("attack by grad", "attack by backward"), ("attack by grad", "attack by backward and zero_grad")]
)
def test_fit_counts_only_its_own_pass(pair):
    fitted = []
    for name in pair:
        network = body()
        network[0].weight.grad = kept = torch.ones(8, 5)
        ms.fit(network, LOSSES[name], part, config=ms.FitConfig(steps=3, learning_rate=0.1), seed=0)
        assert network[0].weight.grad is kept
        assert kept.eq(1).all()
        fitted.append([parameter.detach() for parameter in network.parameters()])
    assert all(torch.equal(mine, its) for mine, its in zip(*fitted, strict=True))


class Reader(nn.Module):
    """An LSTM over sequences of unequal length, which on a processor has a loop of our own."""

    def __init__(self):
        super().__init__()
        self.core, self.head = nn.LSTM(5, 6, num_layers=2, batch_first=True), nn.Linear(6, 3)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        output, (hidden, memory) = self.core(packed)
        return self.head(hidden[-1] + memory[0]) + output.data.mean()


LENGTHS = torch.tensor([4, 3, 3, 1])


def reading_penalty(net, part):
    x = part.clone().requires_grad_()
    output = net(x, LENGTHS)
    (slope,) = torch.autograd.grad(output.square().sum(), x, create_graph=True)
    return output.square().mean() + slope.square().mean()


def test_packed_lstms_can_be_differentiated_twice():
    torch.manual_seed(3)
    network, x = Reader(), torch.randn(4, 4, 5)
    weights = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    value = reading_penalty(network, x)
    wanted = torch.autograd.grad(value, list(network.parameters()))
    with ms.masks.PackedLSTMMode():
        found_value, found = ms.masks.loss_and_gradient(network, reading_penalty, x, weights)
    torch.testing.assert_close(found_value, value.detach())
    for mine, its in zip(found.values(), wanted, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-6)
