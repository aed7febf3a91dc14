"""Fitting with SGD, weight decay and milestones: against torch's own loop, and taken up to the same bits."""

import pytest
import torch

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.training import Checkpoint, FitConfig, Observer, fit
from maskscope.zoo import MLP

CONFIG = FitConfig(9, 0.5, 0.0, "sgd", 0.01, milestones=(3, 6))


def part(index):
    random = torch.Generator().manual_seed(index)
    return torch.randn(8, 4, generator=random, dtype=torch.float64), torch.randint(3, (8,), generator=random)


def loss(network, part):
    return torch.nn.functional.cross_entropy(network(part[0]), part[1])


def network():
    torch.manual_seed(5)
    return MLP([4, 6, 3]).double()


def test_it_is_torchs_sgd_with_a_tenth_of_the_rate_from_each_milestone_on():
    ours, theirs = network(), network()
    fit(ours, loss, part, config=CONFIG, seed=0)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.5, momentum=0.9, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 6])
    for step in range(9):
        optimizer.zero_grad()
        torch.autograd.backward(loss(theirs, part(step)))
        optimizer.step()
        scheduler.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-14)


class Stop(Observer):
    def after_step(self, report):
        if report.step == 5:
            raise RuntimeError("killed")


def test_a_run_with_sgd_is_taken_up_to_the_same_bits(tmp_path):
    whole, halves = network(), network()
    fit(whole, loss, part, config=CONFIG, seed=0)
    checkpoint = Checkpoint(tmp_path / "fit.safetensors", every_seconds=0.0)
    with pytest.raises(RuntimeError, match="killed"):
        fit(halves, loss, part, config=CONFIG, seed=0, checkpoint=checkpoint, observers=[Stop()])
    again = network()
    fit(again, loss, part, config=CONFIG, seed=0, checkpoint=checkpoint)
    assert all(torch.equal(mine, other) for mine, other in zip(again.parameters(), whole.parameters(), strict=True))


@pytest.mark.parametrize("milestones", [(5, 3), (3, 3), (-1,)])
def test_milestones_grow(milestones):
    with pytest.raises(ConfigError, match="growing numbers of steps"):
        FitConfig(9, 0.5, milestones=milestones)


def test_what_there_is_not_is_refused():
    with pytest.raises(UnknownNameError, match="no optimizer 'lion'"):
        FitConfig(9, 0.5, optimizer="lion")
    with pytest.raises(ConfigError, match="weight_decay is -1"):
        FitConfig(9, 0.5, weight_decay=-1.0)
