"""Who obeys the five laws is not disturbed by being asked: not a bit, not a generator, not a part of the data."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import maskscope as ms
from maskscope.errors import GuestError
from tests.masks.test_laws import CONFIG, Unused, body, loss, part


def drawing(net, part):
    """Draws from two of the common generators; the third is that of a process of its own."""
    x = part[0] + 0.1 * torch.randn(part[0].shape) + 0.1 * float(np.random.rand())
    return cross_entropy(net(x), part[1])


def vmap_fails_after_drawing(net, part):
    x = part[0] + 0.1 * float(np.random.rand())
    value = cross_entropy(net(x), part[1])
    return value if float(value.detach()) > -1 else 2 * value


def states():
    """Python's own is drawn from by the checks of annotations, which are there in tests only."""
    return torch.get_rng_state().tolist(), [str(one) for one in np.random.get_state()]


@pytest.mark.parametrize("masks", [1, 3])
@pytest.mark.parametrize("executor", ["auto", "sequential"])
@pytest.mark.parametrize("its_loss", [loss, drawing, vmap_fails_after_drawing])
def test_the_check_changes_no_bit_of_a_search_and_no_generator(its_loss, executor, masks):
    found = []
    for check in (True, False):
        np.random.seed(1)
        torch.manual_seed(1)
        wanted = [ms.MaskSearch(str(number), part) for number in range(masks)]
        compute = ms.Compute(executor=executor)
        many = ms.discover_many(body(), its_loss, wanted, config=CONFIG, compute=compute, check=check)
        found.append(([one.logits.flat.tolist() for one in many], [one.reference_loss for one in many], states()))
    assert found[0] == found[1]


PYTHONS_OWN = """
import random, torch, maskscope as ms
torch.manual_seed(3)
network = torch.nn.Linear(5, 3)
def loss(net, x):
    y = net(x + random.random()).square().mean()
    return y if float(y.detach()) >= 0 else 2 * y  # vmap fails here, and its draws are gone
wanted = [ms.MaskSearch(name, [torch.ones(2, 5)]) for name in "ab"]
found = []
for check in (True, False):
    random.seed(1)
    many = ms.discover_many(network, loss, wanted, config=ms.MaskConfig(steps=2, learning_rate=0.1), check=check)
    found.append(([one.logits.flat.tolist() for one in many], random.getstate()))
assert found[0] == found[1]
"""


def test_pythons_own_generator_too():
    subprocess.run([sys.executable, "-c", PYTHONS_OWN], check=True, timeout=120)


def test_a_refusal_leaves_the_generators_alone():
    network = Unused()
    before = states()
    with pytest.raises(GuestError):
        ms.discover(network, drawing, part, config=CONFIG)
    assert before == states()


@pytest.mark.parametrize("batches", [lambda: part, lambda: [part(index) for index in range(5)], lambda: map(part, range(99))])
def test_batches_of_every_form_are_not_used_up(batches):
    searches = [ms.discover(body(), loss, batches(), config=CONFIG, check=check) for check in (True, False)]
    assert torch.equal(*(one.logits.flat for one in searches))
    assert searches[0].history.loss == searches[1].history.loss


def test_data_that_a_loss_writes_into_are_fresh_in_each_call():
    def spoils(net, part):
        part[0].mul_(0.5)
        return loss(net, part)

    data = [part(index) for index in range(6)]
    searches = [ms.discover(body(), spoils, data, config=CONFIG, check=check) for check in (True, False)]
    assert torch.equal(*(one.logits.flat for one in searches))
    assert torch.equal(data[0][0], part(0)[0])


def test_a_run_that_is_taken_up_is_not_asked_again(tmp_path):
    calls = []

    def counted(net, part):
        calls.append(1)
        return loss(net, part)

    keep = ms.Checkpoint(tmp_path / "run.safetensors", every_seconds=0.0)
    compute = ms.Compute(executor="sequential")
    with pytest.raises(KeyboardInterrupt):
        ms.discover(body(), counted, part, config=CONFIG, compute=compute, checkpoint=keep, observers=[StopsAt(2)])
    calls.clear()
    ms.discover(body(), counted, part, config=CONFIG, compute=compute, checkpoint=keep, judge=False)
    assert len(calls) == 2 * 2  # two steps of two samples


class StopsAt(ms.Observer):
    def __init__(self, step):
        self.step = step

    def after_step(self, report):
        if report.step == self.step:
            raise KeyboardInterrupt


class CannotBeCopied(nn.Module):
    def __init__(self, good):
        super().__init__()
        self.body, self.good, self.rest = nn.Linear(5, 3), good, nn.Linear(3, 3)

    def __deepcopy__(self, memo):
        raise TypeError("not this one")

    def forward(self, x):
        return self.body(x) if not self.good else self.rest(self.body(x))


def test_a_network_that_cannot_be_copied_is_asked_as_a_guest():
    assert ms.discover(CannotBeCopied(good=True), loss, part, config=CONFIG).mask.count == 18 + 12
    with pytest.raises(GuestError, match=r"rest\.weight, rest\.bias"):
        ms.discover(CannotBeCopied(good=False), loss, part, config=CONFIG)
    with pytest.raises(GuestError, match="CannotBeCopied cannot be copied .TypeError: not this one"):
        ms.bake(CannotBeCopied(good=True), ms.BinaryMask({"body.bias": torch.ones(3, dtype=torch.bool)}))


def test_a_loss_that_a_network_of_zeros_is_not_fit_for():
    def whitened(net, part):
        output = net(part[0])
        return cross_entropy(output @ torch.linalg.inv(output.t() @ output), part[1])

    assert ms.discover(body(), whitened, part, config=CONFIG).mask.count


def test_a_loss_of_nan_is_no_fault_of_the_network():
    def broken(net, part):
        return loss(net, part) * float("nan")

    with pytest.raises(ms.MaskscopeError, match="is NaN or infinite|NaN"):
        ms.discover(body(), broken, part, config=CONFIG)
