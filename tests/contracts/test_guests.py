"""The network is a guest: it is left exactly as it was, and what runs is exactly the masked network."""

import copy

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import LossError
from maskscope.masks import call_with, loss_and_gradient, masked_weights

from .guests import GUESTS, make

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")
CONFIG = ms.MaskConfig(steps=3, samples_per_step=3, learning_rate=0.1, penalty_weight=1e-4)


def portrait(network: nn.Module):
    """Everything that could leak: identities, values, gradients, modes, private lists, hooks, attributes."""
    modules = dict(network.named_modules())
    return {
        "classes": {name: type(module) for name, module in modules.items()},
        "modes": {name: module.training for name, module in modules.items()},
        "parameters": {name: id(p) for name, p in network.named_parameters(remove_duplicate=False)},
        "buffers": {name: id(b) for name, b in network.named_buffers()},
        "requires_grad": {name: p.requires_grad for name, p in network.named_parameters()},
        "grad": {name: None if p.grad is None else (id(p.grad), p.grad.tolist()) for name, p in network.named_parameters()},
        "hooks": {
            name: (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for name, m in modules.items()
        },
        "attributes": {name: sorted(vars(m)) for name, m in modules.items()},
        "flat": {
            name: (id(m._flat_weights), [id(w) for w in m._flat_weights])
            for name, m in modules.items()
            if isinstance(m, nn.RNNBase)
        },
        "values": {name: tensor.clone() for name, tensor in network.state_dict().items()},
        "generator": torch.get_rng_state(),
    }


def assert_same(before, after):
    values = before.pop("values"), after.pop("values")
    generator = before.pop("generator"), after.pop("generator")
    assert before == after
    assert torch.equal(*generator)
    assert all(torch.equal(values[0][name], values[1][name]) for name in values[0])
    assert values[0].keys() == values[1].keys()


def prepared(name):
    network, guest = make(name)
    network.train()
    for module in list(network.modules())[1::2]:
        module.eval()  # mixed modes, which must come back
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
        break
    return network, guest


@pytest.mark.parametrize("name", GUESTS)
def test_discover_leaves_nothing_behind(name):
    network, guest = prepared(name)
    before = portrait(network)
    found = ms.discover(network, guest.loss, guest.part, config=CONFIG, observers=[ms.Observer()])
    assert_same(before, portrait(network))
    copy.deepcopy(network)
    assert set(found.mask) == {n for n, _ in network.named_parameters()}
    assert found.mask.count == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", GUESTS)
def test_an_error_inside_leaves_nothing_behind(name):
    network, guest = prepared(name)
    calls = 0

    def failing(net, part):
        nonlocal calls
        calls += 1
        value = guest.loss(net, part)
        if calls >= 3:
            raise ValueError("inside")
        return value

    before = portrait(network)
    with pytest.raises(ValueError, match="inside"):
        ms.discover(network, failing, guest.part, config=CONFIG)
    assert_same(before, portrait(network))
    copy.deepcopy(network)


@pytest.mark.parametrize("name", GUESTS)
def test_call_masked_leaves_nothing_behind_in_either_mode(name):
    for training in (True, False):
        network, guest = prepared(name)
        network.train(training)
        mask = ~ms.BinaryMask({n: torch.zeros_like(p, dtype=torch.bool) for n, p in network.named_parameters()})
        before = portrait(network)
        with torch.random.fork_rng():
            guest.output(lambda *a, net=network, m=mask, **k: ms.call_masked(net, m, *a, **k), guest.part(0))
        assert_same(before, portrait(network))


def run(network, guest, mask, part):
    return guest.output(lambda *a, **k: ms.call_masked(network, mask, *a, **k), part)


@pytest.mark.parametrize("name", GUESTS)
def test_full_mask_is_the_network(name):
    network, guest = make(name)
    network.eval()
    full = ms.BinaryMask({n: torch.ones_like(p, dtype=torch.bool) for n, p in network.named_parameters()})
    with torch.no_grad():
        assert torch.equal(run(network, guest, full, guest.part(1)), guest.output(network, guest.part(1)))


@pytest.mark.parametrize("name", GUESTS)
def test_baked_is_called_and_zero_is_zero(name):
    network, guest = make(name)
    network.eval()
    random = torch.Generator().manual_seed(0)
    half = ms.BinaryMask({n: torch.rand(p.shape, generator=random) > 0.5 for n, p in network.named_parameters()})
    with torch.no_grad():
        for mask in (half, half - half):
            called = run(network, guest, mask, guest.part(2))
            baked = guest.output(ms.bake(network, mask), guest.part(2))
            torch.testing.assert_close(called, baked, rtol=1e-5, atol=1e-6)
        zeroed = copy.deepcopy(network)
        for parameter in zeroed.parameters():
            parameter.zero_()
        assert torch.equal(called, guest.output(zeroed, guest.part(2)))
        assert not torch.equal(called, guest.output(network, guest.part(2)))


@pytest.mark.parametrize("name", GUESTS)
def test_gradient_is_that_of_really_masked_weights(name):
    network, guest = make(name)
    network.eval()
    random = torch.Generator().manual_seed(0)
    selection = ms.select(network)
    weights = selection.of(network)
    is_open = {n: torch.rand(w.shape, generator=random) > 0.3 for n, w in weights.items()}
    value, gradient = loss_and_gradient(network, guest.loss, guest.part(0), masked_weights(weights, is_open))
    baked = ms.bake(network, ms.BinaryMask(is_open))
    expected = guest.loss(baked, guest.part(0))
    names = [n for n, _ in baked.named_parameters()]
    wanted = torch.autograd.grad(expected, list(baked.parameters()))
    torch.testing.assert_close(value, expected.detach(), rtol=1e-5, atol=1e-6)
    for n, grad in zip(names, wanted, strict=True):
        torch.testing.assert_close(gradient[n], grad, rtol=1e-4, atol=1e-6)
        assert gradient[n].abs().sum() > 0 or grad.abs().sum() == 0


def test_training_mode_batch_norm_keeps_the_guests_statistics():
    network, guest = make("cnn with batch norm")
    network.train()
    before = {name: b.clone() for name, b in network.named_buffers()}
    call_with(network, {}, lambda net: guest.loss(net, guest.part(0)))
    assert all(torch.equal(before[name], b) for name, b in network.named_buffers())


def test_a_loss_may_use_the_network_as_it_likes():
    network, _ = make("mlp")

    def loss(net, part):
        hidden = net[0](part[0]).relu()
        return (net[2](hidden) ** 2).mean() + net[0].weight.square().mean()

    found = ms.discover(network, loss, [(torch.ones(2, 5),)], config=CONFIG)
    assert found.mask.count == network[0].weight.numel() + network[0].bias.numel() + network[2].weight.numel() + 3


def test_a_loss_module_is_not_swallowed():
    network, guest = make("mlp")

    class Loss(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, net, part):
            return self.weight * guest.loss(net, part)

    assert set(ms.discover(network, Loss(), guest.part, config=CONFIG).mask) == {n for n, _ in network.named_parameters()}


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda net, part: net(part[0]), r"shape \[8, 3\]; a scalar was expected"),
        (lambda net, part: 1.0, "returned float; a scalar tensor was expected"),
        (lambda net, part: net(part[0]).argmax().float(), "No gradient leads from the loss"),
        (lambda net, part: net(part[0]).sum().detach(), "No gradient leads from the loss"),
        (lambda net, part: torch.ones((), requires_grad=True) * 2, "No gradient leads from the loss"),
        (lambda net, part: net(part[0]).sum().to(torch.complex64), "complex64; a real floating-point scalar"),
    ],
)
def test_losses_that_cannot_be_used(loss, words):
    network, guest = make("mlp")
    with pytest.raises(LossError, match=words):
        ms.discover(network, loss, guest.part, config=CONFIG)
