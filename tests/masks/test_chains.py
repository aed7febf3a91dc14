"""Which networks are chains, and that a step of a chain is the definition's, whatever the loss does with the network."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import maskscope as ms
from maskscope.masks import make_executor
from maskscope.masks.executors import product, whole
from maskscope.masks.executors.batched import BatchedExecutor
from maskscope.masks.executors.layers import Affine, Chains
from maskscope.zoo import MLP
from tests.contracts.bench import Bench, assert_same_step


class Functions(nn.Module):
    """Every function of single numbers that a chain may have, as functions and as methods."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(5, 5, bias=number % 2 == 0) for number in range(5))
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = functional.leaky_relu(self.layers[0](x), 0.2, inplace=True)
        x = functional.gelu(self.layers[1](x), approximate="tanh").sigmoid()
        x = self.drop(functional.elu(self.layers[2](x)))
        x = functional.silu(self.layers[3](x)).tanh()
        return functional.softplus(self.layers[4](x))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(5, 5)

    def forward(self, x):
        return x + self.one(x)


class Remembering(nn.Sequential):
    """Writes an attribute that a loss may read."""

    def forward(self, x):
        self.hidden = super().forward(x)
        return self.hidden


class ByShape(nn.Sequential):
    """Does something else with large inputs."""

    def forward(self, x):
        x = super().forward(x)
        return x.relu() if x.shape[0] > 4 else x


def hooked():
    network = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
    network[1].register_forward_hook(lambda module, args, output: output + 1)
    return network


def chain(network, items=4):
    chains = Chains(network.eval())
    return chains.of(torch.ones(items, 5)) if chains.may_be else None


def test_what_a_network_does_is_read_once_and_leaves_nothing():
    assert chain(MLP([5, 4, 3]))[0] == Affine("layers.0.weight", "layers.0.bias")
    assert [type(layer).__name__ for layer in chain(MLP([5, 4, 3]))] == ["Affine", "Pointwise", "Affine"]
    assert [layer.bias for layer in chain(Functions()) if isinstance(layer, Affine)][1] is None
    remembering = Remembering(nn.Linear(5, 5))
    assert chain(remembering) is None
    assert not hasattr(remembering, "hidden")
    shared = nn.Linear(5, 5)
    assert len(set(chain(nn.Sequential(shared, nn.Tanh(), shared)))) == 2


@pytest.mark.parametrize(
    "network",
    [
        Residual(),
        hooked(),
        nn.Sequential(nn.Linear(5, 5), nn.LayerNorm(5)),
        nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5)),
        nn.Sequential(nn.Tanh()),
        nn.Bilinear(5, 5, 1),
    ],
)
def test_other_networks_are_no_chains(network):
    assert chain(network) is None


def test_dropout_that_drops_is_no_identity():
    chains = Chains(nn.Sequential(nn.Linear(5, 5), nn.Dropout(0.5)).train())
    assert chains.of(torch.ones(2, 5)) is None


def test_what_depends_on_the_shape_is_read_for_each():
    network = ByShape(nn.Linear(5, 5))
    assert len(chain(network, 4)) == 1
    assert len(chain(network, 5)) == 2


def mean_square(network, part):
    return network(part).square().mean()


def twice(network, part):
    return (network(part) - network(2 * part)).square().mean()


def decayed(network, part):
    return mean_square(network, part) + sum(weight.square().mean() for weight in network.parameters())


def of_a_submodule(network, part):
    return mean_square(network, part) + network[0](part).square().mean()


def of_sequences(network, part):
    return network(part.reshape(2, 2, 5)).square().mean()


@pytest.mark.parametrize("most_bytes", [8 << 20, 4 * 3 * 60, 0])
@pytest.mark.parametrize("loss", [mean_square, twice, decayed, of_a_submodule, of_sequences])
def test_a_step_of_a_chain_is_the_definitions(loss, most_bytes, monkeypatch):
    """All masks at once; one mask after the other; and block by block, two features at a time."""
    monkeypatch.setattr(whole, "MOST_BYTES", most_bytes)
    monkeypatch.setitem(product.CACHE_BYTES, "cpu", 4 * 3 * 5 * 2)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4))
    bench = Bench(network, loss, ("f", "g"), 3)
    parts = [[torch.randn(4, 5) for _ in range(3)] for _ in range(2)]
    executor = make_executor("batched", network.eval(), loss, bench.units)
    assert isinstance(executor, BatchedExecutor)
    wanted = [bench.definition(step, parts) for step in range(2)]
    for step in range(2):  # in the second it is known what the loss asks for
        for mask in bench.masks:
            mask.gradient.zero_()
        losses = executor.add_gradients(step, parts, 3)
        assert_same_step((losses, [mask.gradient for mask in bench.masks]), wanted[step])
    assert executor.only_calls == (loss not in (decayed, of_a_submodule))


@pytest.mark.parametrize("estimator", ["rao-blackwell", "straight-through", "deterministic", "continuous-sparsification"])
def test_all_functions_and_laws(estimator):
    torch.manual_seed(0)
    network = Functions()
    bench = Bench(network, mean_square, samples=3, estimator=estimator)
    parts = [[torch.randn(4, 5) for _ in range(3)]]
    assert_same_step(bench.run("batched", 1, parts), bench.definition(1, parts))


def test_what_a_loss_does_with_the_network_itself():
    """The network without a mask may be called beside it; a part of it may not, and is noticed in the first step."""
    network = MLP([5, 4, 3]).eval()
    whole_network = ms.unmasked(network)
    for loss, only_calls in (
        (lambda net, part: (net(part) - whole_network(part)).square().mean(), True),
        (lambda net, part: net(part).square().mean() + network.layers[0](part).mean(), False),
        (lambda net, part: net(part).square().mean() + network.layers[0].weight.mean(), False),
    ):
        bench = Bench(network, loss, samples=2)
        executor = make_executor("batched", network, loss, bench.units)
        executor.add_gradients(0, [[torch.randn(4, 5) for _ in range(2)]], 2)
        assert executor.only_calls == only_calls
    assert type(network.layers[0]) is nn.Linear


def test_a_loss_that_asks_for_more_later_is_remembered_in_the_checkpoint():
    """The resumed run lends the network from its first step on, as the one that was stopped did."""
    network, asks = MLP([5, 4, 3]).eval(), [False]

    def loss(net, part):
        return net(part).square().mean() + (net.layers[0].weight.square().mean() if asks[0] else 0)

    bench, parts = Bench(network, loss, samples=2), [[torch.randn(4, 5) for _ in range(2)]]
    first = make_executor("auto", network, loss, bench.units)
    for asks[0], lends in ((False, False), (True, True), (False, True)):
        first.add_gradients(0, parts, 2)
        assert bool(first.state()["lends the network"]) == lends
    resumed = make_executor("auto", network, loss, bench.units)
    for name, saved in first.state().items():
        resumed.state()[name].copy_(saved)
    assert bool(resumed.state()["lends the network"])
    resumed.add_gradients(0, parts, 2)
    assert bool(resumed.state()["lends the network"])
