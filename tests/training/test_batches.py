"""Batches are taken as what they are or refused with a cure; who writes into a part spoils no other."""

from collections import UserDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import maskscope as ms
from maskscope.errors import BatchesError
from maskscope.masks.parts import PartCopies, is_same
from maskscope.training import PartSource
from maskscope.training.batches import StepParts

CONFIG = ms.MaskConfig(steps=3, samples_per_step=4, learning_rate=0.1, size=ms.Penalty(1e-4))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)).eval()


def part(index):
    random = torch.Generator().manual_seed(index)
    return torch.randn(8, 5, generator=random), torch.randint(3, (8,), generator=random)


def loss(net, given):
    return torch.nn.functional.cross_entropy(net(given[0]), given[1])


def found(batches, given_loss=loss, executor="sequential", steps=3):
    config = ms.MaskConfig(steps=steps, samples_per_step=4, learning_rate=0.1, size=ms.Penalty(1e-4))
    return ms.discover(network(), given_loss, batches, config=config, compute=ms.Compute(executor=executor), name="m")


class Refilled:
    """A loader that has one buffer."""

    def __init__(self):
        self.x, self.y = torch.empty(8, 5), torch.empty(8, dtype=torch.int64)

    def __call__(self, index):
        x, y = part(index)
        self.x.numpy()[:] = x.numpy()  # past torch's own count of changes
        self.y.copy_(y)
        return self.x, self.y

    def parts(self):
        index = 0
        while True:
            yield self(index)
            index += 1


@pytest.mark.parametrize("executor", ["sequential", "batched"])
def test_a_buffer_that_is_filled_again_gives_each_sample_its_own_data(executor):
    wanted = found(part, executor=executor)
    for batches in (Refilled(), Refilled().parts, Refilled().parts()):
        one = found(batches, executor=executor)
        assert torch.equal(one.logits.flat, wanted.logits.flat)
        assert one.reference_loss == wanted.reference_loss


def test_a_buffer_shared_by_two_masks_gives_each_its_own_data():
    config = ms.MaskConfig(steps=3, samples_per_step=1, learning_rate=0.1)
    shared = Refilled()

    def wanted(first, second):
        return [ms.MaskSearch("a", first), ms.MaskSearch("b", second)]

    def later(index):
        return shared(index + 100)

    ours = ms.discover_many(network(), loss, wanted(shared, later), config=config)
    theirs = ms.discover_many(network(), loss, wanted(part, lambda index: part(index + 100)), config=config)
    assert all(torch.equal(one.logits.flat, two.logits.flat) for one, two in zip(ours, theirs, strict=True))


def in_place(net, given):
    return torch.nn.functional.cross_entropy(net(given[0].sub_(1.0)), given[1])


def moved(net, given):
    return torch.nn.functional.cross_entropy(net(given[0] - 1.0), given[1])


@pytest.mark.parametrize("executor", ["sequential", "batched", "threads", "auto"])
def test_a_loss_that_writes_into_its_input_sees_the_original_data_at_each_call(executor):
    parts = [part(index) for index in range(3)]  # fewer than a step takes: some come twice in it
    before = [x.clone() for x, _ in parts]
    one, wanted = found(parts, in_place, executor), found(parts, moved, executor)
    assert one.reference_loss == wanted.reference_loss
    assert torch.equal(one.logits.flat, wanted.logits.flat)
    assert all(torch.equal(x, then) for (x, _), then in zip(parts, before, strict=True))


def test_a_loss_that_takes_its_part_to_pieces_sees_all_of_it_at_each_call():
    parts = [{"x": x, "y": y} for x, y in map(part, range(3))]

    def popping(net, given):
        labels = given.pop("y")
        return loss(net, (given["x"], labels))

    assert torch.equal(found(parts, popping).logits.flat, found([part(i) for i in range(3)]).logits.flat)
    assert all(set(one) == {"x", "y"} for one in parts)


def test_fit_and_grow_see_the_original_data_too():
    parts = [part(index) for index in range(2)]

    def weights(given_loss):
        net = network()
        ms.fit(net, given_loss, parts, config=ms.FitConfig(steps=6, learning_rate=0.1), seed=0)
        logits = ms.MaskLogits.full(ms.select(net), 2.0)
        ms.grow(net, given_loss, parts, used=None, initial=logits, config=CONFIG, executor="sequential")
        return list(net.parameters())

    assert all(torch.equal(one, two) for one, two in zip(weights(in_place), weights(moved), strict=True))


def test_parts_that_nobody_writes_into_are_not_copied_after_the_first_step():
    parts = [part(index) for index in range(4)]
    source = StepParts([parts])
    for step in range(3):
        ((first, *_),) = source.lend(step, 4)
        assert (first is parts[0]) == (step > 0)
        source.take_back()


@dataclass
class Example:
    x: torch.Tensor
    y: torch.Tensor


@dataclass
class Slotted:
    __slots__ = ("x",)
    x: torch.Tensor


class Encoding(UserDict):
    """As tokenizers give it; it cannot be deep-copied."""

    def __getattr__(self, key):
        try:
            return self.data[key]
        except KeyError:
            raise AttributeError(key) from None


Pair = namedtuple("Pair", "x y")
X = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("made", "tensor_of"),
    [
        (lambda x: x, lambda p: p),
        (lambda x: (x, 1), lambda p: p[0]),
        (lambda x: [{"x": x}, "a"], lambda p: p[0]["x"]),
        (lambda x: Pair(x, 1), lambda p: p.x),
        (lambda x: Example(x, x), lambda p: p.x),
        (Slotted, lambda p: p.x),
        (lambda x: Encoding(x=x), lambda p: p.x),
        (lambda x: nn.utils.rnn.pack_sequence([x]), lambda p: p.data),
        (lambda x: (x.numpy(),), lambda p: torch.from_numpy(p[0])),
        (lambda x: x.t(), lambda p: p.t()),
        (lambda x: x[:1].expand(4, 3), lambda p: p[:2]),
        (lambda x: x[:, 1:], lambda p: p),
    ],
)
def test_copies_are_equal_of_one_make_and_apart(made, tensor_of):
    x = X.clone()
    one = made(x)
    other = PartCopies().copied(one)
    assert type(other) is type(one)
    assert is_same(one, other)
    mine, its = tensor_of(one), tensor_of(other)
    assert mine.stride() == its.stride()
    mine.copy_(mine + 1) if mine.stride()[0] else x.add_(1)
    assert not torch.equal(mine, its)
    assert not is_same(one, other)


def test_a_copy_lies_in_its_line_of_cache_as_the_original_does():
    """Else sums may be taken in another order, and bits of a run that nobody disturbs change."""
    numbers = torch.arange(40.0)
    for start in range(20):
        view = numbers[start : start + 7]
        other = PartCopies().copied(view)
        assert other.data_ptr() % 64 == view.data_ptr() % 64
        assert torch.equal(other, view)


def test_what_is_no_data_stays_the_same_object():
    vocabulary, graph = object(), Example(X.clone(), X.clone())
    made = PartCopies()
    first, second = (made.copied((X, vocabulary, graph)) for _ in range(2))
    assert first[1] is vocabulary
    assert first[2] is second[2]
    assert first[2] is not graph
    graph.x.add_(1)
    assert made.copied(graph) is not first[2]


def test_objects_that_lead_back_to_themselves_are_copied_and_compared():
    one = Example(X.clone(), X.clone())
    one.back = [one]
    other = PartCopies().copied(one)
    assert other.back[0] is other
    assert is_same(one, other)
    other.x.add_(1)
    assert not is_same(one, other)


def test_nan_is_the_same_as_nan():
    one = (torch.tensor([1.0, float("nan")]), float("nan"), np.array([float("nan")]))
    assert is_same(one, PartCopies().copied(one))


def test_equal_by_a_loose_rule_is_not_the_same_data():
    class Loose:
        def __init__(self, y):
            self.y = y

        def __eq__(self, other):
            return type(other) is Loose

        __hash__ = None

    def given(index):
        x, y = part(index)
        return x, Loose(y)

    def loose_loss(net, given):
        return loss(net, (given[0], given[1].y))

    one, wanted = found(given, loose_loss, "auto"), found(part)
    assert torch.equal(one.logits.flat, wanted.logits.flat)


def generator():
    for index in range(5):
        yield part(index)


class Items:
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return part(index)


class Stream(IterableDataset):
    def __iter__(self):
        return generator()


@pytest.mark.parametrize("batches", [generator, DataLoader(Stream(), batch_size=None), Stream(), [*generator()]])
def test_what_yields_parts_can_begin_again(batches):
    source = PartSource(batches)
    assert all(torch.equal(source.part(index)[0], part(index % 5)[0]) for index in range(12))


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        (part(0), r"tuple of 2 tensors, which looks like one part \(x, y\).*pass \[batches\]"),
        (list(part(0)), "list of 2 tensors, which looks like one part"),
        ((np.zeros(3), np.zeros(3)), "tuple of 2 tensors"),
        ({"x": X}, r"batches is a dict, which is one part.*pass \[batches\]"),
        (Encoding(x=X), "batches is a Encoding, which is one part"),
        (X, r"one Tensor of shape \[2, 3\]. If each row is a part, pass list\(batches\)"),
        ("file", "of type str"),
        (Example(X, X), "of type Example; a function of an index"),
        (Items(), "Items, which gives items by their index.*DataLoader"),
        (TensorDataset(X), "TensorDataset, which gives items by their index"),
        (lambda: part(0), "cannot be called with an index alone"),
        (lambda index, more: part(0), "cannot be called with an index alone"),
    ],
)
def test_what_is_one_part_or_no_batches_is_refused_with_the_cure(batches, words):
    with pytest.raises(BatchesError, match=words):
        PartSource(batches)


def test_generator_functions_with_parameters_and_functions_that_return_iterators_are_refused():
    def wants(index):
        yield part(index)

    with pytest.raises(BatchesError, match="generator function wants, which wants arguments"):
        PartSource(wants)
    with pytest.raises(BatchesError, match=r"batches\(0\) returned a generator; one part was expected"):
        PartSource(lambda index: generator()).part(0)
