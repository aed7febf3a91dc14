"""Samples in threads: the sequential executor's bits, whoever is done first; torch's settings and the guest stay as they were."""

import subprocess
import sys
import threading
import time

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError
from maskscope.training import Compute


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def parts_of(count):
    random = torch.Generator().manual_seed(0)
    return [torch.randn(3 + index % 4, 6, generator=random) for index in range(count)]


def loss(network, part):
    return network(part).square().mean()


def found_by(executor, network, loss=loss, samples=4):
    config = ms.MaskConfig(steps=3, samples_per_step=samples, learning_rate=0.1)
    return ms.discover(network, loss, parts_of(3 * samples), config=config, compute=Compute(executor=executor)).logits.flat


@pytest.mark.parametrize("samples", [1, 4, 11])
def test_bits_are_those_of_one_after_the_other(threads, samples):
    network = nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 2))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    alive = set(threading.enumerate())
    found = found_by("threads", network, samples=samples)
    assert not set(threading.enumerate()) - alive
    assert torch.equal(found, found_by("sequential", network, samples=samples))
    assert torch.get_num_threads() == threads
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_bits_do_not_depend_on_who_is_done_first(threads):
    network = nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 2))

    def dawdling(net, part):
        time.sleep(0.02 * (len(part) == 3))  # the first sample of each step comes last
        return loss(net, part)

    assert torch.equal(found_by("threads", network, dawdling), found_by("threads", network))


def test_as_many_at_a_time_as_torch_has_threads_each_with_its_share(threads):
    at_work, most, shares, lock = set(), [0], set(), threading.Lock()

    def watched(net, part):
        if threading.current_thread() is not threading.main_thread():
            with lock:
                at_work.add(threading.get_ident())
                most[0] = max(most[0], len(at_work))
                shares.add(torch.get_num_threads())
            time.sleep(0.05)
            with lock:
                at_work.discard(threading.get_ident())
        return loss(net, part)

    found_by("threads", nn.Linear(6, 2), watched)
    assert most[0] == min(threads, 4)
    assert shares == {1}


def test_after_an_error_nobody_is_at_work():
    at_work, lock = set(), threading.Lock()
    begun = []

    def failing(net, part):
        with lock:
            begun.append(part)
            at_work.add(len(begun))
            mine = len(begun)
        try:
            if mine == 1:
                raise KeyError("mine")
            time.sleep(0.05)
            return loss(net, part)
        finally:
            with lock:
                at_work.discard(mine)

    with pytest.raises(KeyError, match="mine"):
        found_by("threads", nn.Linear(6, 2), failing)
    assert not at_work


def test_a_network_that_cannot_be_copied_is_said():
    network = nn.Linear(6, 2)
    network.lock = threading.Lock()
    with pytest.raises(ConfigError, match=r"cannot be copied \(TypeError: .*Leave the executor at 'auto'"):
        found_by("threads", network)
    assert torch.isfinite(found_by("auto", network)).all()


def test_compiled_loops_leave_torchs_threads_alone():
    code = """
import torch, maskscope
torch.set_num_threads(1)
net = torch.nn.Linear(6, 2)
maskscope.discover(net, lambda n, x: n(x).sum(), [torch.ones(3, 6)] * 4, config=maskscope.MaskConfig(steps=1))
print(torch.get_num_threads())
"""
    # in a process of its own: the loops' threads start once
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "1\n"
