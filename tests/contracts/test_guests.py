"""The network is a guest: it is left exactly as it was, and what runs is exactly the masked network."""

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, LossError
from maskscope.masks import call_with, loss_and_gradient, masked_weights

from .guests import GUESTS, IGNORED, make
from .portrait import assert_same, batched_tensors, duplicate, full_mask, portrait

pytestmark = pytest.mark.filterwarnings(*IGNORED)
CONFIG = ms.MaskConfig(steps=3, samples_per_step=3, learning_rate=0.1, size=ms.Penalty(1e-4))


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
    duplicate(network, guest)
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
    assert not batched_tensors(network)
    duplicate(network, guest)


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
    with torch.no_grad():
        expected = guest.output(duplicate(network, guest), guest.part(1))
        assert torch.equal(run(network, guest, full_mask(network), guest.part(1)), expected)
        assert torch.equal(guest.output(network, guest.part(1)), expected)


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
            torch.testing.assert_close(called, baked, rtol=1e-5, atol=1e-6, equal_nan=True)
        zeroed = make(name)[0].eval()  # not a deep copy, in which views of weights would be on their own
        for parameter in zeroed.parameters():
            parameter.zero_()
        expected = guest.output(zeroed, guest.part(2))
        torch.testing.assert_close(called, expected, rtol=0, atol=0, equal_nan=True)  # norms of zeros are 0 / 0
        assert not torch.equal(called, guest.output(network, guest.part(2)))


@pytest.mark.parametrize("name", GUESTS)
def test_two_masked_calls_agree_and_a_network_that_was_called_is_baked(name):
    network, guest = make(name)
    network.eval()
    random = torch.Generator().manual_seed(0)
    half = ms.BinaryMask({n: torch.rand(p.shape, generator=random) > 0.5 for n, p in network.named_parameters()})
    guest.loss(network, guest.part(0))  # with gradients, whose history stays on what the network keeps
    before = portrait(network)
    baked = ms.bake(network, half)
    calls = [run(network, guest, half, guest.part(1)) for _ in range(2)]
    torch.testing.assert_close(*calls, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(calls[0], guest.output(baked, guest.part(1)), rtol=1e-5, atol=1e-6, equal_nan=True)
    assert_same(before, portrait(network))
    own, its = ({id(p): n for n, p in one.named_parameters()} for one in (network, baked))
    assert own.keys().isdisjoint(its)


@pytest.mark.parametrize("executor", ["auto", "batched"])
@pytest.mark.parametrize("name", GUESTS)
def test_an_attempt_to_batch_leaves_nothing_behind(name, executor):
    network, guest = prepared(name)

    def loss(net, part):
        value = guest.loss(net, part)
        return value if float(value.detach()) > -1 else 2 * value  # vmap cannot ask this

    before = portrait(network)
    compute = ms.Compute(executor=executor)
    if executor == "batched":
        with pytest.raises(ConfigError, match="cannot go in one call"):
            ms.discover(network, loss, guest.part, config=CONFIG, compute=compute)
    else:
        ms.discover(network, loss, guest.part, config=CONFIG, compute=compute)
    assert_same(before, portrait(network))
    assert not batched_tensors(network)
    network.eval()
    guest.output(network, guest.part(0))


@pytest.mark.parametrize("name", GUESTS)
def test_gradient_is_that_of_really_masked_weights(name):
    network, guest = make(name)
    network.eval()
    random = torch.Generator().manual_seed(0)
    selection = ms.select(network)
    weights = selection.of(network)
    is_open = {n: torch.rand(w.shape, generator=random) > 0.3 for n, w in weights.items()}
    value, gradient = loss_and_gradient(network, guest.loss, guest.part(0), masked_weights(weights, is_open))
    if guest.uses_views:  # their uses count, which autograd does not see in the baked network
        assert_slope(network, guest, masked_weights(weights, is_open), gradient)
        return
    baked = ms.bake(network, ms.BinaryMask(is_open))
    expected = guest.loss(baked, guest.part(0))
    expected.backward()  # not autograd.grad, which reentrant checkpointing does not allow
    torch.testing.assert_close(value, expected.detach(), rtol=1e-5, atol=1e-6, equal_nan=True)
    for n, parameter in baked.named_parameters():
        grad = parameter.grad.to_dense()
        torch.testing.assert_close(gradient[n], grad, rtol=1e-4, atol=1e-6, equal_nan=True)
        assert gradient[n].abs().sum() != 0 or grad.abs().sum() == 0


def assert_slope(network, guest, weights, gradient):
    """The loss changes along the gradient as the gradient says: by central differences."""
    length = sum(float(one.square().sum()) for one in gradient.values()) ** 0.5
    ends = []
    for step in (-1e-2, 1e-2):
        moved = {name: weight + step / length * gradient[name] for name, weight in weights.items()}
        ends.append(float(call_with(network, moved, lambda net: guest.loss(net, guest.part(0)))))
    assert (ends[1] - ends[0]) / 2e-2 == pytest.approx(length, rel=1e-2)


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
