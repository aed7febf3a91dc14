"""Going over to eval mode and back by networks that have a way of their own."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

import maskscope as ms
from maskscope.errors import GuestError
from maskscope.masks import evaluation_mode
from tests.contracts.portrait import assert_same, portrait

CONFIG = ms.MaskConfig(steps=2, learning_rate=0.1)


def part(index):
    random = torch.Generator().manual_seed(index)
    return torch.randn(6, 5, generator=random), torch.randint(3, (6,), generator=random)


def loss(net, part):
    return functional.cross_entropy(net(part[0]), part[1])


class Adapted(nn.Linear):
    """Merges a low-rank change into its weight in eval mode, and takes it out in training mode."""

    def __init__(self, inputs, outputs, way="in place"):
        super().__init__(inputs, outputs)
        self.down, self.up = nn.Parameter(torch.randn(2, inputs)), nn.Parameter(torch.randn(outputs, 2))
        self.merged, self.way = False, way

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            sign = -1 if mode else 1
            if self.way == "in place":
                self.weight.data += sign * (self.up @ self.down)
            elif self.way == "set data":
                self.weight.data = self.weight.data + sign * (self.up @ self.down)
            else:
                self.weight = nn.Parameter((self.weight + sign * (self.up @ self.down)).detach())
            self.merged = not mode
        return self

    def forward(self, x):
        y = super().forward(x)
        return y if self.merged else y + x @ self.down.t() @ self.up.t()


class FrozenNorm(nn.Module):
    """Keeps its BatchNorm in eval mode whatever it is told, and counts how often it is told."""

    def __init__(self):
        super().__init__()
        self.body, self.norm, self.head, self.told = nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 3), []
        self.train()

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        self.told.append(mode)
        return self

    def forward(self, x):
        return self.head(self.norm(self.body(x)))


def adapted(way="in place"):
    torch.manual_seed(0)
    return nn.Sequential(Adapted(5, 8, way), nn.Tanh(), Adapted(8, 3, way)).train()


@pytest.mark.parametrize("way", ["in place", "set data", "new parameter"])
def test_adapters_that_merge_are_refused_and_put_back(way):
    network = adapted(way)
    before, output = portrait(network), network(part(0)[0])
    for use in (lambda: ms.discover(network, loss, part, config=CONFIG), lambda: evaluation_mode(network).__enter__()):
        with pytest.raises(GuestError, match=r"changes weights of this Sequential: 0\.weight, 2\.weight \(adapters"):
            use()
        assert_same(before, portrait(network))
    assert torch.equal(output, network(part(0)[0]))


def test_adapters_that_have_merged_are_searched():
    network = adapted().eval()
    before = portrait(network)
    found = ms.discover(network, loss, part, config=CONFIG, selection=ms.select(network, include=["*weight", "*bias"]))
    assert_same(before, portrait(network))
    assert found.mask.count == 8 * 6 + 3 * 9


def test_merged_adapters_are_in_the_mode_that_they_were_after_fit():
    network = adapted().eval()
    ms.fit(network, loss, part, config=ms.FitConfig(steps=2, learning_rate=0.1), seed=0)
    merged = network(part(0)[0]).detach()
    assert [module.merged for module in (network[0], network[2])] == [True, True]
    assert not any(module.training for module in network.modules())
    torch.testing.assert_close(copy.deepcopy(network).train()(part(0)[0]), merged)


def test_a_harmless_way_is_followed_and_forgotten():
    network = FrozenNorm()
    network.body.eval()
    before = portrait(network)
    with evaluation_mode(network):
        assert not any(module.training for module in network.modules())
    assert_same(before, portrait(network))
    assert ms.discover(network, loss, part, config=CONFIG).mask.count == sum(p.numel() for p in network.parameters())
    assert_same(before, portrait(network))


def test_a_method_set_on_the_object_counts_too():
    network, calls = nn.Linear(5, 3), []
    network.train = lambda mode=True: (calls.append(mode), network.weight.data.add_(1), nn.Module.train(network, mode))[-1]
    before = portrait(network)
    with pytest.raises(GuestError, match="changes weights of this Linear: weight"):
        ms.discover(network, loss, part, config=CONFIG)
    assert_same(before, portrait(network))


def test_nan_and_signs_of_zeros_are_told_apart():
    network = FrozenNorm()
    with torch.no_grad():
        network.body.bias[0], network.head.bias[0] = float("nan"), 0.0
    with evaluation_mode(network):
        pass  # NaN is what it was
    network.train = lambda mode=True: (network.head.bias.data.neg_(), nn.Module.train(network, mode))[-1]
    with pytest.raises(GuestError, match=r"head\.bias"), evaluation_mode(network):
        pass
    assert not network.head.bias[0].signbit()
