"""Transfer on networks that are wired by hand, where it is known exactly."""

import math

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, MaskMismatchError, ScoreError, UnknownNameError
from maskscope.tasks.functions import FunctionData, UserFunctions
from maskscope.tasks.objectives import OwnObjective

HIDDEN = 6


class Wired(nn.Module):
    """Three inputs, six hidden units, one output. Units that `reads` and `writes` do not name are dead."""

    def __init__(self, reads, writes=(1.0, 1.0, 1.0)):
        super().__init__()
        self.reads, self.writes = nn.Linear(3, HIDDEN, bias=False), nn.Linear(HIDDEN, 1, bias=False)
        with torch.no_grad():
            self.reads.weight.zero_()[:3] = torch.tensor(reads)
            self.writes.weight.zero_()[0, :3] = torch.tensor(writes)

    def forward(self, x):
        return self.writes(torch.relu(self.reads(x)))[:, 0]


# both first units read either input: two copies of one mechanism
COPIES = [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
# each of them reads an input of its own
APART = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def mask(*units):
    """Keeps all weights of some hidden units."""
    reads, writes = torch.zeros(HIDDEN, 3, dtype=torch.bool), torch.zeros(1, HIDDEN, dtype=torch.bool)
    for unit in units:
        reads[unit], writes[0, unit] = True, True
    return ms.BinaryMask({"reads.weight": reads, "writes.weight": writes})


def performs(*inputs):
    """The score of the function that says whether one of these inputs is on; half of the items are blank."""

    def score(network):
        on = torch.eye(3)[list(inputs)]
        return ((network(torch.cat([on, 0 * on])) > 0.5) == torch.tensor([True] * len(on) + [False] * len(on))).double().mean()

    return score


A, B, SHARED = 0, 1, 2


def test_copies_in_other_weights_serve_in_each_others_place():
    network = Wired(COPIES)
    assert ms.dice(mask(A), mask(B)) == 0, "by their weights they are as different as can be"
    for giver, receiver, data in ((A, B, performs(1)), (B, A, performs(0))):
        found = ms.transfer(network, data, mask(giver), mask(receiver), draws=0)
        assert (found.own, found.transferred, found.shared, found.emptied) == (1, 1, 0.5, 0.5)
        assert (found.value, found.private_share) == (1, 1)
        assert math.isnan(found.floor), "no draws, no floor"


def test_parts_that_read_other_inputs_do_not():
    network = Wired(APART)
    for giver, receiver, data in ((A, B, performs(1)), (B, A, performs(0))):
        found = ms.transfer(network, data, mask(giver), mask(receiver))
        assert (found.own, found.transferred, found.value) == (1, 0.5, 0)


def test_what_the_shared_part_does_is_no_transfer():
    """Under A's mask three quarters of B's items are right, all of them by what both masks have."""
    masks = mask(A, SHARED), mask(B, SHARED)
    apart = ms.transfer(Wired(APART), performs(1, 2), *masks)
    assert (apart.own, apart.transferred, apart.shared, apart.emptied) == (1, 0.75, 0.75, 0.5)
    assert (apart.value, apart.private_share) == (0, 0.5)
    assert ms.transfer(Wired(COPIES), performs(1, 2), *masks).value == 1


def test_a_part_that_is_in_the_way_is_below_0():
    network = Wired([[0.0, 0.0, 1.0], *APART[1:]], writes=(-1.0, 1.0, 1.0))
    found = ms.transfer(network, performs(1, 2), mask(A, SHARED), mask(B, SHARED))
    assert (found.shared, found.transferred, found.value) == (0.75, 0.5, -1)


@pytest.mark.parametrize(
    ("first", "second", "data"),
    [
        ((A, SHARED), (B, SHARED), performs(2)),  # the shared part does everything
        ((A, B), (B,), performs(1)),  # B's mask has nothing for itself
        ((A,), (3,), performs(1)),  # B's mask does nothing
    ],
)
def test_it_is_undefined_where_there_is_nothing_to_replace(first, second, data):
    found = ms.transfer(Wired(APART), data, mask(*first), mask(*second))
    assert math.isnan(found.value)
    assert math.isnan(found.floor)


def test_the_floor_is_of_random_weights_outside_the_mask():
    """B's mask leaves five of six units, of which A's has one. Of 10 draws out of 15 and 1 out of 5 some are as good as A's."""
    network = Wired(COPIES)
    found = ms.transfer(network, performs(1), mask(A), mask(B), draws=60)
    assert set(found.random) == {0.5, 1.0}
    # the copy's weight that reads the input is drawn 3 times in 15, the one that writes 1 time in 5
    assert found.floor == pytest.approx(1 / 25, abs=4 * math.sqrt(24 / 25**2 / 60))
    fewer = ms.transfer(network, performs(1), mask(A), mask(B), draws=20)
    assert fewer.random == found.random[:20], "one seed makes one row of draws"
    assert fewer.random != ms.transfer(network, performs(1), mask(A), mask(B), draws=20, seed=1).random
    # where A's private part is all that there is outside, every draw is A's private part
    everything_else = mask(*(unit for unit in range(HIDDEN) if unit != B))
    assert ms.transfer(network, performs(1), everything_else, mask(B)).floor == 1


def test_masks_of_units_draw_whole_units():
    network = Wired(COPIES)
    rows = ms.select(network, units="row")
    first, second = (ms.BinaryMask.from_units(rows.groups, bits, rows.shapes) for bits in map(_rows, (A, B)))
    found = ms.transfer(network, performs(1), first, second, draws=50)
    # the row that writes is the only one, and both masks have it: of five rows outside B's mask one is the copy
    assert (found.value, set(found.random)) == (1, {0.5, 1.0})
    assert found.floor == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / 50))
    with pytest.raises(MaskMismatchError, match=r"7 units \(row\)"):
        ms.transfer(network, performs(1), first, second.by_weight())


def _rows(unit):
    return {"reads.weight": torch.arange(HIDDEN) == unit, "writes.weight": torch.ones(1, dtype=torch.bool)}


def test_means_are_of_scores_not_of_ratios():
    first, second = ms.Transfer(1.0, 1.0, 0.5, 0.5, (0.5, 1.0)), ms.Transfer(1.0, 0.9, 0.9, 0.5, (0.9, 0.9))
    mean = ms.Transfer.mean([first, second])
    assert mean.value == pytest.approx((0.95 - 0.7) / (1 - 0.7))
    assert mean.floor == pytest.approx((0.825 - 0.7) / 0.3)
    with pytest.raises(ConfigError, match="equally many draws"):
        ms.Transfer.mean([first, ms.Transfer(1.0, 1.0, 0.5, 0.5)])


def task():
    parts = [torch.eye(3)]
    data = [FunctionData(name, parts, (torch.eye(3)[[place]],), name) for place, name in enumerate(("a", "b"))]
    objective = OwnObjective(lambda network, x: network(x).mean(), lambda network, x: network(x) > 0.5)
    return UserFunctions(data, {"a": objective, "b": objective})


def test_a_task_scores_the_function_that_is_named():
    network = Wired(APART)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = ms.transfer(network, task(), mask(A), mask(B), function="b")
    assert (found.own, found.transferred, found.shared) == (1, 0, 0)
    assert ms.transfer(network, task(), mask(A), mask(B), function="a").own == 0
    assert network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_what_cannot_be_scored_is_refused():
    network = Wired(APART)
    masks = mask(A), mask(B)
    with pytest.raises(ConfigError, match="with the name of the function"):
        ms.transfer(network, task(), *masks)
    with pytest.raises(ConfigError, match="without a name"):
        ms.transfer(network, performs(1), *masks, function="b")
    with pytest.raises(ConfigError, match="0 or more random masks"):
        ms.transfer(network, performs(1), *masks, draws=-1)
    with pytest.raises(UnknownNameError, match="c"):
        ms.transfer(network, task(), *masks, function="c")
    with pytest.raises(ScoreError, match="one number"):
        ms.transfer(network, lambda guest: guest(torch.eye(3)), *masks)
    with pytest.raises(ScoreError, match="finite"):
        ms.transfer(network, lambda guest: math.nan, *masks)
    with pytest.raises(MaskMismatchError):
        ms.transfer(network, performs(1), masks[0], masks[1].only("reads.weight"))
