"""The network itself inside its own masked call is refused with the cure; the cure is the untouched network, anywhere."""

import abc
import copy
import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

import maskscope as ms
from maskscope.errors import ConfigError, GuestError
from maskscope.masks import EXECUTORS, call_with
from maskscope.masks.twin import twin_of
from tests.contracts.guests import GUESTS, IGNORED, make
from tests.contracts.portrait import assert_same, portrait

CONFIG = ms.MaskConfig(steps=3, learning_rate=0.1, samples_per_step=2)


def body():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).eval()


def part(index):
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(index))


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_network_against_itself_is_refused_with_the_cure(executor, check):
    network = body()
    before = portrait(network)
    with pytest.raises(GuestError, match=r"make `whole = maskscope\.unmasked\(network\)` before the search"):
        ms.discover(
            *(network, lambda net, x: mse_loss(net(x), network(x)), part),
            **{"config": CONFIG, "compute": ms.Compute(executor=executor), "check": check},
        )
    assert_same(before, portrait(network))
    assert type(network) is nn.Sequential
    network(part(0))


@pytest.mark.parametrize("order", ["before", "after", "nested"])
@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_cure_is_the_untouched_network_in_a_loss(executor, order):
    network = body()
    whole, apart = ms.unmasked(network), copy.deepcopy(network)

    def against(target):
        def loss(net, x):
            first = target(x) if order == "before" else None
            mine = net(x)
            other = first if first is not None else target(x if order == "after" else target(x)[:, :1] + x)
            return mse_loss(mine, other) + 0.1 * net[0].weight.square().mean()

        return loss

    compute = ms.Compute(executor=executor)
    found = ms.discover(network, against(whole), part, config=CONFIG, compute=compute)
    wanted = ms.discover(network, against(lambda x: apart(x).detach()), part, config=CONFIG, compute=compute)
    torch.testing.assert_close(found.logits.flat, wanted.logits.flat)
    assert found.history.loss[0] > 0.01


@pytest.mark.filterwarnings(*IGNORED)
@pytest.mark.parametrize("name", [name for name, guest in GUESTS.items() if guest.deepcopies])
def test_the_cure_works_on_every_guest(name):
    network, guest = make(name)
    network.eval()
    whole = ms.unmasked(network)
    with torch.no_grad():
        wanted = guest.output(make(name)[0].eval(), guest.part(0))
    before = portrait(network)
    mask = ms.BinaryMask({n: torch.zeros(p.shape, dtype=torch.bool) for n, p in network.named_parameters()})
    weights = {n: torch.zeros_like(p) for n, p in network.named_parameters()}

    def use(net):
        first = guest.output(whole, guest.part(0))
        masked = guest.output(net, guest.part(0))
        again = guest.output(whole, guest.part(0))
        return first, masked, again

    first, masked, again = call_with(network, weights, use)
    assert torch.equal(first, wanted)
    assert torch.equal(again, wanted)
    assert not torch.equal(masked, wanted)
    assert not first.requires_grad
    with torch.no_grad():
        alone = guest.output(lambda *args, **kwargs: ms.call_masked(network, mask, *args, **kwargs), guest.part(0))
    torch.testing.assert_close(masked, alone, equal_nan=True)
    assert torch.equal(guest.output(whole, guest.part(0)), wanted)  # outside too
    assert_same(before, portrait(network))


def test_an_untouched_call_that_fails_leaves_the_masked_one_as_it_was():
    network = body()
    whole, before = ms.unmasked(network), portrait(network)

    def use(net):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            whole(torch.ones(2, 7))
        assert net[0].weight.eq(0).all()
        assert net(part(0)).eq(0).all()
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        call_with(network, {name: torch.zeros_like(p) for name, p in network.named_parameters()}, use)
    assert_same(before, portrait(network))


def test_a_masked_call_inside_a_loss():
    network = body()
    half = ms.BinaryMask({"0.weight": torch.rand(8, 5, generator=torch.Generator().manual_seed(1)) > 0.5})

    def loss(net, x):
        return mse_loss(net(x), ms.call_masked(net, half, x)) + net[0](x).square().mean()

    before = portrait(network)
    for executor in EXECUTORS:
        try:
            ms.discover(network, loss, part, config=CONFIG, compute=ms.Compute(executor=executor))
        except ConfigError:
            assert executor == "batched"
        assert_same(before, portrait(network))


@pytest.mark.parametrize("executor", ["auto", "sequential"])  # in threads such a part is not masked
def test_a_part_of_the_network_itself_in_a_loss_is_noticed(executor):
    network = body()
    with pytest.raises(GuestError, match=r"Or the loss uses a part of the network itself"):
        ms.discover(
            *(network, lambda net, x: net(x).square().mean() + network[0](x).square().mean(), part),
            **{"config": CONFIG, "compute": ms.Compute(executor=executor)},
        )


class EndsLoudly(nn.Linear):
    ends = 0

    def __del__(self):
        type(self).ends += 1


def test_a_class_that_says_what_is_to_happen_at_its_end():
    network = EndsLoudly(5, 3)
    with twin_of(network) as twin:
        assert twin is network
    ms.discover(network, lambda net, x: net(x).square().mean(), part, config=CONFIG)
    copies = EndsLoudly.ends  # those that the check made
    assert copies == 2
    del network, twin
    gc.collect()
    assert EndsLoudly.ends == copies + 1


TITLES = {}


class Registered(nn.Module):
    """A class that keeps a list of its subclasses, each of which has to have a title."""

    def __init_subclass__(cls, *, title):
        TITLES[title] = cls


class Abstract(Registered, abc.ABC, title="abstract"):
    @abc.abstractmethod
    def body(self, x): ...

    def forward(self, x):
        return self.body(x)


class Concrete(Abstract, title="concrete"):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def body(self, x):
        assert type(self) is Concrete
        return super().forward(x) if x is None else self.layer(x)


def traced():
    return torch.fx.symbolic_trace(body())


def monkeypatched():
    network = body()
    before = network.forward
    network.forward = lambda x: 2 * before(x)
    return network


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("new", [nn.Linear, Concrete, traced, monkeypatched])
def test_classes_of_every_kind(new):
    torch.manual_seed(3)
    network = new(5, 3) if new is nn.Linear else new()
    network.eval()
    titles, its_class, output = dict(TITLES), type(network), network(part(0))
    before = portrait(network)
    found = ms.discover(network, lambda net, x: net(x).square().mean(), part, config=CONFIG)
    assert_same(before, portrait(network))
    assert type(network) is its_class
    assert titles == TITLES
    full = found.mask | ~found.mask
    assert torch.equal(ms.call_masked(network, full, part(0)), output)
    assert ms.call_masked(network, full - full, part(0)).abs().sum() == 0


def test_a_twin_keeps_nothing_alive():
    network = body()
    kept = weakref.ref(network)
    ms.call_masked(network, ms.BinaryMask({"0.weight": torch.ones(8, 5, dtype=torch.bool)}), part(0))
    del network
    gc.collect()
    assert kept() is None
