"""Weights that a network reaches by a second way: followed, or refused by name; and copies that would keep to the original."""

import random
from collections import deque, namedtuple
from functools import partial
from types import MethodType

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import linear

import maskscope as ms
from maskscope.errors import ConfigError, GuestError
from maskscope.masks import EXECUTORS
from tests.contracts.portrait import assert_same, full_mask, portrait

CONFIG = ms.MaskConfig(steps=2, learning_rate=0.1)
X = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


def loss(net, x):
    return net(x).square().mean()


class Held(nn.Module):
    """Uses its weight through whatever holds it."""

    def __init__(self, hold, use=None):
        super().__init__()
        self.weight, self.other = nn.Parameter(torch.randn(3, 5)), nn.Linear(3, 3)
        self.held, self.use = hold(self.weight), use

    def forward(self, x):
        return self.other(self.use(self.held, x) if self.use else self.held(x))


def closure(weight):
    return lambda x: linear(x, weight)


def closure_over_view(weight):
    view = weight.detach()[:, :]
    return lambda x: linear(x, view)


def closure_over_closure(weight):
    inner = closure(weight)
    return lambda x: inner(x)


def default(weight):
    return lambda x, w=weight: linear(x, w)


def keyword_default(weight):
    def use(x, *, w=(weight,)):
        return linear(x, w[0])

    return use


REFUSED = {
    "closure": (closure, "closure.<locals>.<lambda>"),
    "a view in a closure": (closure_over_view, "closure_over_view.<locals>.<lambda>"),
    "a closure in a closure": (closure_over_closure, "closure.<locals>.<lambda>"),
    "default": (default, "default.<locals>.<lambda>"),
    "keyword default in a tuple": (keyword_default, "keyword_default.<locals>.use"),
    "partial": (lambda weight: partial(linear, weight=weight), "a functools.partial of <"),
    "partial in a list": (lambda weight: [partial(torch.matmul, weight)], "a functools.partial of <"),
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", REFUSED)
def test_functions_that_hold_a_masked_weight_are_refused_by_name(name, executor):
    hold, title = REFUSED[name]
    network = Held(hold, use=lambda held, x: held[0](x.t()).t() if isinstance(held, list) else held(x))
    before = portrait(network)
    for use in (
        lambda: ms.discover(network, loss, [X] * 4, config=CONFIG, compute=ms.Compute(executor=executor)),
        lambda: ms.call_masked(network, full_mask(network), X),
    ):
        with pytest.raises((GuestError, ConfigError)) as caught:
            use()
        assert f"weight: in {title}" in str(caught.value) or "cannot be copied" in str(caught.value)
        assert_same(before, portrait(network))


@pytest.mark.parametrize("name", REFUSED)
def test_they_do_no_harm_where_the_weight_is_excluded(name):
    network = Held(REFUSED[name][0], use=lambda held, x: held[0](x.t()).t() if isinstance(held, list) else held(x))
    selection = ms.select(network, exclude=["weight"])
    assert ms.discover(network, loss, [X] * 4, config=CONFIG, selection=selection).mask.count == 12


Pair = namedtuple("Pair", ["one", "two"])
FOLLOWED = {
    "dict in a list": (lambda w: [{"w": w}], lambda held, x: linear(x, held[0]["w"])),
    "deque": (lambda w: deque([w]), lambda held, x: linear(x, held[0])),
    "namedtuple": (lambda w: Pair(w, 1), lambda held, x: linear(x, held.one)),
    "tuple of tuples": (lambda w: ((w, w.detach().t()), "text"), lambda held, x: linear(x, held[0][0]) + x @ held[0][1]),
    "torch's own tuple": (lambda w: torch.return_types.max((w, w[0])), lambda held, x: linear(x, held.values)),
    "a list in a closure": (
        lambda w: (lambda ws: lambda x: linear(x, ws[0]))([w]),
        lambda held, x: held(x),
    ),
    "every second row": (lambda w: w.detach()[::2], lambda held, x: linear(x, held)[:, [0, 1, 1]]),
    "a view in bits": (lambda w: w.detach().view(torch.int32), None),
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", FOLLOWED)
def test_containers_and_views_are_followed_and_what_cannot_be_is_named(name, executor):
    hold, use = FOLLOWED[name]
    network = Held(hold, use or (lambda held, x: linear(x, held.view(torch.float32))))
    before, compute = portrait(network), ms.Compute(executor=executor)
    nothing = ms.BinaryMask({"weight": torch.zeros(3, 5, dtype=torch.bool)})
    if use is None:
        with pytest.raises(GuestError, match=r"attribute or a buffer \(int32 \[3, 5\]\) shares the memory of weight, but"):
            ms.call_masked(network, nothing, X)
        with pytest.raises((GuestError, ConfigError), match="the memory of weight"):
            ms.discover(network, loss, [X] * 4, config=CONFIG, compute=compute)
        assert ms.discover(network, loss, [X] * 4, config=CONFIG, selection=ms.select(network, exclude=["weight"]))
        return
    assert torch.equal(ms.call_masked(network, nothing, X), network.other.bias.expand(4, 3))
    if executor == "threads" and "closure" in name:
        with pytest.raises(ConfigError, match="keeps in its closure would be changed by several threads at a time"):
            ms.discover(network, loss, [X] * 4, config=CONFIG, compute=compute)
    else:
        assert ms.discover(network, loss, [X] * 4, config=CONFIG, compute=compute).mask.count == 27
    assert_same(before, portrait(network))


class Bound(nn.Module):
    """Holds functions that refer to itself."""

    def __init__(self, way):
        super().__init__()
        self.body = nn.Linear(5, 3)
        if way == "closure":
            self.run = lambda x: self.body(x)
        elif way == "method":
            self.run = MethodType(lambda self, x: self.body(x), self)
        elif way == "partial":
            self.run = partial(type(self).through, self)
        else:
            before = self.forward
            self.forward = lambda x: 2 * before(x)

    def through(self, x):
        return self.body(x)

    def forward(self, x):
        return self.run(x) if hasattr(self, "run") else self.body(x)


@pytest.mark.parametrize("way", ["closure", "method", "partial", "replaced forward"])
def test_functions_that_refer_to_the_network_are_masked_but_not_copied(way):
    network = Bound(way)
    empty = ~full_mask(network)
    assert ms.call_masked(network, empty, X).abs().sum() == 0
    assert ms.discover(network, loss, [X] * 4, config=CONFIG).mask.count == 18
    if way in ("method", "partial"):
        assert ms.bake(network, empty)(X).abs().sum() == 0
        return
    with pytest.raises(GuestError, match=r"functions that it holds refer to the network .Bound\.__init__"):
        ms.bake(network, empty)
    with pytest.raises(ConfigError, match=r"Each thread calls a copy\. Leave the executor at 'auto'"):
        ms.discover(network, loss, [X] * 4, config=CONFIG, compute=ms.Compute(executor="threads"))


class Draws(nn.Module):
    def __init__(self, source):
        super().__init__()
        self.body, self.source = nn.Linear(5, 3), source

    def forward(self, x):
        draw = self.source.gauss if isinstance(self.source, random.Random) else self.source.normal
        return self.body(x) + 0.1 * draw(0, 1)


@pytest.mark.parametrize("source", [random.Random, np.random.RandomState, np.random.default_rng])
def test_sources_of_random_numbers_begin_from_one_state(source):
    network, untouched = Draws(source(3)), Draws(source(3))
    untouched.body = network.body
    outputs = [ms.call_masked(network, full_mask(network), X) for _ in range(2)]
    assert torch.equal(*outputs)
    assert ms.discover(network, loss, [X] * 4, config=CONFIG).mask.count == 18
    assert torch.equal(network(X), untouched(X))
    assert not torch.equal(network(X), outputs[0])


class KeepsArrays(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.counts, self.table = nn.Linear(5, 3), np.zeros(3), {"array": np.ones(2)}

    def forward(self, x):
        self.counts += 1
        self.table["array"][0] *= 2
        return self.body(x) * float(self.counts[0]) * float(self.table["array"][0])


def test_arrays_are_lent_as_copies():
    network = KeepsArrays()
    before = portrait(network)
    outputs = [ms.call_masked(network, full_mask(network), X) for _ in range(2)]
    assert torch.equal(*outputs)
    ms.discover(network, loss, [X] * 4, config=CONFIG)
    assert_same(before, portrait(network))


def test_layers_that_have_no_shape_yet_are_refused_and_stay_so():
    network = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    with pytest.raises(ms.MaskscopeError, match="not initialised yet: run the network once"):
        ms.discover(network, loss, [X] * 4, config=CONFIG)


def test_a_copy_keeps_shared_memory_shared_and_parameters_parameters():
    memory = torch.randn(24)
    network = nn.Module()
    network.one, network.two = nn.Parameter(memory[:12].view(4, 3)), nn.Parameter(memory[12:].view(4, 3), requires_grad=False)
    network.memory, network.apart = memory, (nn.Linear(2, 2),)
    copied = ms.bake(network, ms.BinaryMask({"one": torch.zeros(4, 3, dtype=torch.bool)}))
    assert torch.equal(copied.memory, torch.cat([torch.zeros(12), memory[12:]]))
    assert memory[:12].abs().sum() > 0
    assert [parameter.requires_grad for parameter in (copied.one, copied.two)] == [True, False]
    assert isinstance(copied.one, nn.Parameter)
    assert isinstance(copied.apart[0].weight, nn.Parameter)
    assert copied.apart[0].weight is not network.apart[0].weight


class Graph(nn.Module):
    def __init__(self, layout):
        super().__init__()
        edges = torch.eye(5).to_sparse(layout=layout)
        self.edges, self.body = nn.Parameter(edges, requires_grad=False), nn.Linear(5, 3)
        self.register_buffer("more", edges.clone())
        self.kept = edges.clone()

    def forward(self, x):
        return self.body(((self.edges + self.more + self.kept) @ x.t()).t())


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_sparse_tensors_beside_the_mask_do_no_harm(layout):
    network = Graph(layout)
    selection = ms.select(network, exclude=["edges"])
    found = ms.discover(network, loss, [X] * 4, config=CONFIG, selection=selection)
    baked = ms.bake(network, found.mask)
    torch.testing.assert_close(baked(X), ms.call_masked(network, found.mask, X))
    assert isinstance(baked.edges, nn.Parameter)
    assert baked.edges is not network.edges


def test_what_a_hook_collects_stays_after_a_masked_call_and_not_after_a_search():
    network, list_of, by_name = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)), [], {}
    network[0].register_forward_hook(lambda module, args, output: list_of.append(output))
    network[1].register_forward_hook(lambda module, args, output: by_name.update(last=output))
    half = ms.BinaryMask({name: torch.rand(p.shape) < 0.5 for name, p in network.named_parameters()})
    for _ in range(2):
        output = ms.call_masked(network, half, torch.ones(2, 5))
    assert len(list_of) == 2
    assert by_name["last"] is output
    ms.discover(network, lambda net, x: net(x).square().mean(), [torch.ones(2, 5)] * 4, config=ms.MaskConfig(steps=1))
    assert len(list_of) == 2
    assert by_name["last"] is output
