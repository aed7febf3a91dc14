"""The five laws: each is broken by a network or a loss that breaks it alone, and is named; who obeys is not disturbed."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear

import maskscope as ms
from maskscope.errors import GuestError
from maskscope.masks import EXECUTORS
from tests.contracts.portrait import assert_same, portrait

CONFIG = ms.MaskConfig(steps=3, learning_rate=0.1, samples_per_step=2)
LAWS = ("every weight kept", "same call twice", "No gradient leads", "every selected weight off", "not what they were")


def body():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).eval()


def part(index):
    generator = torch.Generator().manual_seed(index)
    return torch.randn(6, 5, generator=generator), torch.randint(3, (6,), generator=generator)


def loss(net, part):
    return cross_entropy(net(part[0]), part[1])


def assert_broken(law, network, its_loss=loss, executor="sequential", **more):
    """Only this law is named, the network is as it was, and without the check there is a mask."""
    before = portrait(network)
    compute = ms.Compute(executor=executor)
    with pytest.raises(GuestError) as caught:
        ms.discover(network, its_loss, part, config=CONFIG, compute=compute, **more)
    assert_same(before, portrait(network))
    words = str(caught.value)
    assert [number for number, one in enumerate(LAWS, 1) if one in words] == [law], words
    assert "check=False" in words
    assert "docs/guests.md" in words
    assert ms.discover(network, its_loss, part, config=CONFIG, compute=compute, check=False, **more).mask.count
    return words


@pytest.mark.parametrize("executor", ["auto", "sequential"])
def test_law_1_a_loss_that_knows_whether_it_is_the_first(executor):
    seen = []

    def first_is_special(net, part):
        seen.append(net)
        return loss(net, part) * (3.0 if len(seen) == 1 else 1.0)

    words = assert_broken(1, body(), first_is_special, executor)
    assert "Does the loss use another network than its first argument" in words


@pytest.mark.parametrize("executor", ["sequential", "threads"])
def test_law_2_a_state_in_an_object(executor):
    class Memory:
        level = 0.0

    memory = Memory()

    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.memory = nn.Linear(5, 3), memory

        def forward(self, x):
            self.memory.level += 0.01 * float(x.detach().sum())
            return self.head(x) * (1 + self.memory.level)

    network = Keeps()
    with pytest.raises(GuestError, match="same call twice gives a loss of"):
        ms.discover(network, loss, part, config=CONFIG, compute=ms.Compute(executor=executor))


def test_law_2_a_generator_of_the_losss_own():
    generator = torch.Generator().manual_seed(0)

    def noisy(net, part):
        return cross_entropy(net(part[0] + torch.randn(part[0].shape, generator=generator)), part[1])

    with pytest.raises(GuestError, match="the loss has its own random generator: draw from torch's"):
        ms.discover(body(), noisy, part, config=CONFIG)


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.pooler, self.scale = nn.Linear(5, 3), nn.Linear(3, 3), nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.body(x) * self.scale.detach()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_law_3_names_what_is_not_reached(executor):
    words = assert_broken(3, Unused(), executor=executor)
    assert "to scale, pooler.weight, pooler.bias. Are these tensors used" in words
    selection = ms.select(Unused(), exclude=["pooler*", "scale"])
    assert ms.discover(Unused(), loss, part, config=CONFIG, selection=selection).mask.count == 18


class HoldsCopy(nn.Module):
    """A copy of its weight in an object: half of what it computes is never masked."""

    class Box:
        pass

    def __init__(self):
        super().__init__()
        self.body, self.box = nn.Linear(5, 3), self.Box()
        self.box.weight = self.body.weight.detach().clone()

    def forward(self, x):
        return self.body(x) + linear(x, self.box.weight)


class HoldsWeightInObject(HoldsCopy):
    """The weight itself, also by another way."""

    def __init__(self):
        super().__init__()
        self.box.weight = self.body.weight


@pytest.mark.parametrize("executor", EXECUTORS)
def test_law_4_a_weight_that_is_used_unmasked_too(executor):
    assert_broken(4, HoldsWeightInObject(), executor=executor)
    # a copy is a constant as far as anybody can see: the network of zeros has it too
    assert ms.discover(HoldsCopy(), loss, part, config=CONFIG, compute=ms.Compute(executor=executor)).mask.count == 18


class WritesIntoObject(nn.Module):
    """Writes into a weight by a way that is no attribute: with the bytes that are there, but for the first call."""

    def __init__(self):
        super().__init__()
        self.body, self.box = nn.Linear(5, 3), HoldsCopy.Box()
        self.bias_of = self.body.bias
        self.register_buffer("unused", torch.zeros(2))
        self.box.unused = self.unused

    def __deepcopy__(self, memo):
        raise TypeError("not this one")

    def forward(self, x):
        self.box.unused += 1
        return self.body(x)


@pytest.mark.parametrize("executor", ["auto", "sequential"])
def test_law_5_what_is_written_by_another_way_is_named_and_put_back(executor):
    network = WritesIntoObject()
    before = portrait(network)
    with pytest.raises(GuestError, match="not what they were: unused. A call changes them"):
        ms.discover(network, loss, part, config=CONFIG, compute=ms.Compute(executor=executor))
    assert_same(before, portrait(network))


def test_law_5_gradients_and_attributes_of_the_network_itself():
    network = body()
    original = network[0].weight
    before = portrait(network)

    def outside(net, part):
        original.grad = torch.ones(6, 5)
        network[0].extra = 1.0
        return loss(net, part)

    with pytest.raises(GuestError, match=r"not what they were: 0\.weight\.grad, 0\.extra\."):
        ms.discover(network, outside, part, config=CONFIG)
    assert_same(before, portrait(network))
