"""Every executor makes the step that the definition makes, on every guest: losses and gradients of the logits, to rounding."""

from functools import cache

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, LossError, UnknownNameError
from maskscope.masks import (
    ESTIMATORS,
    EXECUTORS,
    make_estimator,
    make_executor,
)
from maskscope.masks.executors import batched, product

from .bench import Bench, assert_same_step
from .guests import GUESTS, IGNORED, make
from .portrait import assert_same, portrait

pytestmark = pytest.mark.filterwarnings(*IGNORED)


@cache
def defined_on(name):
    """The definition's step takes longest, and is the same for every executor."""
    network, guest = make(name)
    return Bench(network, guest.loss).definition(5, [[guest.part(index) for index in range(4)]])


@pytest.mark.parametrize("whole_bytes", [0, 1 << 20])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", GUESTS)
def test_a_step_is_the_definitions(name, executor, whole_bytes, monkeypatch):
    monkeypatch.setattr(batched, "WHOLE_BYTES", whole_bytes)  # 0: the weights of every linear map stand in
    network, guest = make(name)
    bench = Bench(network, guest.loss)
    parts = [[guest.part(index) for index in range(4)]]
    before = portrait(network)
    if (executor == "batched" and not guest.batches) or (executor == "threads" and not guest.threads):
        with pytest.raises(ConfigError, match="cannot go in one call|changed by several threads at a time"):
            bench.run(executor, 5, parts)
    else:
        assert_same_step(bench.run(executor, 5, parts), defined_on(name))
    assert_same(before, portrait(network))


# the compiled passes of each law and its definition are compared by the contract of kernels: here a few combinations are enough
FULLY = ("rao-blackwell", "straight-through")
COMBINATIONS = [(name, executor, kernels) for name in FULLY for executor in EXECUTORS for kernels in ("auto", "reference")]
COMBINATIONS += [(name, executor, "auto") for name in ESTIMATORS if name not in FULLY for executor in ("sequential", "batched")]


def several(estimator, kernels, samples, turns, masks):
    network, guest = make("mlp")
    bench = Bench(network, guest.loss, ("f", "g", "h")[:masks], samples, estimator, kernels)
    return bench, [[guest.part(100 * mask + index) for index in range(samples * turns)] for mask in range(masks)]


@cache
def defined_for_several(*settings):
    bench, parts = several(*settings)
    return bench.definition(2, parts)


@pytest.mark.parametrize(("estimator", "executor", "kernels"), COMBINATIONS)
@pytest.mark.parametrize(("samples", "turns", "masks"), [(1, 1, 1), (3, 2, 1), (8, 1, 2), (11, 1, 1), (4, 1, 3)])
def test_samples_accumulation_and_several_masks(executor, estimator, samples, turns, masks, kernels):
    bench, parts = several(estimator, kernels, samples, turns, masks)
    assert_same_step(bench.run(executor, 2, parts), defined_for_several(estimator, "reference", samples, turns, masks))


@pytest.mark.parametrize("whole_bytes", [0, 1 << 20])
@pytest.mark.parametrize("executor", ["sequential", "batched"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_law_may_change_between_steps(estimator, executor, whole_bytes, monkeypatch):
    """Also where copies are made in blocks, in the forward and again in the backward pass."""
    monkeypatch.setattr(batched, "WHOLE_BYTES", whole_bytes)
    monkeypatch.setitem(product.CACHE_BYTES, "cpu", 4 * 2 * 5 * 3)  # three output features of 5 at a time
    network, guest = make("mlp")
    bench = Bench(network, guest.loss, samples=2, estimator=estimator)
    for step, bench.share in enumerate((0.0, 0.8)):
        for unit in bench.units.values():
            unit.law = make_estimator(estimator).law(bench.share)
        parts = [[guest.part(2 * step + index) for index in range(2)]]
        assert_same_step(bench.run(executor, step, parts), bench.definition(step, parts))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_closed_gates_give_the_all_zero_networks_loss(executor):
    network, guest = make("mlp")
    bench = Bench(network, guest.loss, initial=-100.0)
    parts = [[guest.part(index) for index in range(4)]]
    losses, _ = bench.run(executor, 0, parts)
    zeroed, _ = make("mlp")
    with torch.no_grad():
        for parameter in zeroed.parameters():
            parameter.zero_()
        wanted = sum(float(guest.loss(zeroed, part)) for part in parts[0]) / 4
    assert float(losses[0]) == pytest.approx(wanted, rel=1e-6)


class Odd(nn.Module):
    """Uses its weights in every way that is not a layer's forward pass."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(5, 6)
        self.second = nn.Linear(6, 3)
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(6)), nn.Parameter(torch.ones(6))])

    def forward(self, x):
        hidden = self.first(x) @ torch.eye(self.first.weight.shape[0])
        hidden = hidden + x @ self.first.weight.T + nn.functional.linear(x, self.first.weight[:, :5])  # three uses of one weight
        hidden = torch.stack(list(self.scales)).sum(0) * hidden.tanh()
        return torch.cat([self.second(hidden), hidden @ self.second.weight.t()], dim=-1)


@pytest.mark.parametrize("whole_bytes", [0, 1 << 20])
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_weight_used_in_many_ways(executor, whole_bytes, monkeypatch):
    monkeypatch.setattr(batched, "WHOLE_BYTES", whole_bytes)
    network, guest = Odd(), GUESTS["mlp"]
    bench = Bench(network, guest.loss)
    parts = [[guest.part(index) for index in range(4)]]
    assert_same_step(bench.run(executor, 1, parts), bench.definition(1, parts))


def test_products_in_blocks_are_products(monkeypatch):
    monkeypatch.setattr(batched, "WHOLE_BYTES", 0)
    monkeypatch.setitem(product.CACHE_BYTES, "cpu", 4 * 4 * 64 * 3)  # three output features of 64 at a time
    network = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    guest = GUESTS["mlp"]
    bench = Bench(network, guest.loss)
    parts = [[guest.part(index) for index in range(4)]]
    assert_same_step(bench.run("batched", 1, parts), bench.definition(1, parts))


def test_weights_that_lie_oddly_in_memory():
    network = nn.Linear(6, 4)
    with torch.no_grad():
        network.weight = nn.Parameter(torch.randn(12, 8).t()[1:5, ::2])
    loss = lambda net, x: net(x).square().mean()  # noqa: E731
    parts = [torch.randn(3, 6) for _ in range(8)]
    config = ms.MaskConfig(steps=3, learning_rate=0.1)
    found = ms.discover(network, loss, parts, config=config)
    straight = nn.Linear(6, 4)
    straight.load_state_dict(network.state_dict())
    wanted = ms.discover(straight, loss, parts, config=config)
    assert torch.equal(found.logits.flat, wanted.logits.flat)


def test_automatic_falls_back_where_samples_cannot_be_batched():
    network, guest = make("mlp")

    def branching(net, part):
        value = guest.loss(net, part)
        return value * 2 if float(value.detach()) > 0 else value  # data-dependent: vmap cannot

    bench = Bench(network, branching)
    parts = [[guest.part(index) for index in range(4)]]
    assert_same_step(bench.run("auto", 1, parts), bench.definition(1, parts))
    with pytest.raises(ConfigError, match="cannot go in one call"):
        bench.run("batched", 1, parts)


def test_automatic_takes_parts_of_unequal_size_one_by_one():
    network, guest = make("mlp")
    bench = Bench(network, guest.loss)
    executor = make_executor("auto", network, guest.loss, bench.units)
    even = [[guest.part(index) for index in range(4)]]
    uneven = [[*even[0][:3], tuple(leaf[:5] for leaf in guest.part(3))]]
    for step, parts in enumerate((even, uneven, even)):
        bench.masks[0].gradient.zero_()
        losses = executor.add_gradients(step, parts, 4)
        assert_same_step((losses, [bench.masks[0].gradient.clone()]), bench.definition(step, parts))
    with pytest.raises(ConfigError, match="not all of one shape"):
        make_executor("batched", network, guest.loss, bench.units).add_gradients(0, uneven, 4)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_parts_may_hold_anything_besides_tensors(executor):
    network, guest = make("mlp")

    def loss(net, part):
        assert part["nothing"] is None
        return guest.loss(net, part["data"]) * part["factor"]

    bench = Bench(network, loss)
    parts = [[{"nothing": None, "data": guest.part(index), "factor": 2.0} for index in range(4)]]
    assert_same_step(bench.run(executor, 1, parts), bench.definition(1, parts))


def test_an_error_of_the_users_own_comes_through():
    network, guest = make("mlp")

    def failing(net, part):
        raise KeyError("mine")

    for executor in EXECUTORS:
        with pytest.raises((KeyError, ConfigError), match="mine"):
            Bench(network, failing).run(executor, 0, [[guest.part(0)] * 4])


def test_a_loss_without_path_is_refused_by_each():
    network, guest = make("mlp")
    for executor in EXECUTORS:
        with pytest.raises(LossError, match="No gradient leads"):
            Bench(network, lambda net, part: part[0].sum()).run(executor, 0, [[guest.part(0)] * 4])


def test_unknown_executor_suggests():
    with pytest.raises(UnknownNameError, match="Did you mean 'batched'"):
        ms.Compute(executor="batch")


class Checkpointed(nn.Module):
    """Runs a part of itself again in the backward pass."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 9), nn.Tanh())
        self.head = nn.Linear(9, 3)

    def forward(self, x):
        return self.head(torch.utils.checkpoint.checkpoint(self.body, x, use_reentrant=False))


@pytest.mark.parametrize("executor", ["auto", "sequential"])
def test_activation_checkpointing_runs_the_masked_network_again(executor):
    network, guest = Checkpointed(), GUESTS["mlp"]
    bench = Bench(network, guest.loss)
    parts = [[guest.part(index) for index in range(4)]]
    found = bench.run(executor, 1, parts)

    def without(net, part):
        return nn.functional.cross_entropy(net.head(net.body(part[0])), part[1])

    bench.loss = without
    assert_same_step(found, bench.definition(1, parts))


def test_vmap_failing_later_falls_back_and_an_error_without_words_is_told():
    network, guest = make("mlp")
    calls = []

    def later(net, part):
        calls.append(1)
        value = guest.loss(net, part)
        if len(calls) > 1:
            assert float(value.detach()) > 0
        return value * 2

    bench = Bench(network, later)
    executor = make_executor("auto", network, later, bench.units)
    for step in range(3):
        parts = [[guest.part(4 * step + index) for index in range(4)]]
        bench.masks[0].gradient.zero_()
        losses = executor.add_gradients(step, parts, 4)
        assert_same_step((losses, [bench.masks[0].gradient.clone()]), bench.definition(step, parts))
    assert int(executor.choice) == 0

    def wordless(net, part):
        raise AssertionError

    with pytest.raises(ConfigError, match="AssertionError: no message"):
        Bench(network, wordless).run("batched", 0, [[guest.part(0)] * 4])
