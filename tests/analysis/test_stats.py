import math

import numpy as np
import pytest
import torch

from maskscope.analysis import counts_among, density_floor, half_mask_scores, normalised_sharing, proportion, score, summarise
from maskscope.errors import MaskscopeError
from maskscope.masks import BinaryMask, OverlapCounts, dice
from maskscope.tasks import AdditionMultiplication
from maskscope.zoo import MLP


def test_interval_by_hand():
    found = summarise([1.0, 2.0, 3.0])
    assert (found.n, found.mean, found.std) == (3, 2.0, 1.0)
    half = 4.302652729911275 / math.sqrt(3)  # t(2), 97.5 %
    assert found.low == pytest.approx(2 - half)
    assert found.high == pytest.approx(2 + half)


def test_one_network_has_no_interval_and_undefined_values_are_left_out():
    one = summarise([0.5])
    assert one.mean == 0.5
    assert all(math.isnan(x) for x in (one.std, one.low, one.high))
    two = summarise([1.0, math.nan, 3.0])
    assert (two.n, two.mean) == (2, 2.0)
    assert len(two.values) == 3
    assert math.isnan(summarise([math.nan]).mean)
    assert summarise([]).n == 0


def test_interval_covers_what_it_says():
    """Coverage of the t-interval at n = 3 over 2,000 normal samples: within 4 standard errors of 95 %."""
    random = np.random.default_rng(0)
    hits = sum(s.low <= 0 <= s.high for s in (summarise(list(random.normal(size=3))) for _ in range(2000)))
    assert abs(hits / 2000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


def random_mask(generator, density, shape=(40, 50)):
    return BinaryMask({n: torch.rand(shape, generator=generator) < density for n in ("u", "v")})


def test_floor_is_the_mean_of_random_masks():
    """Against 400 pairs of random masks of the very same sizes; within 4.5 standard errors."""
    generator = torch.Generator().manual_seed(0)
    counts = [OverlapCounts(300, 500, 0, 2000), OverlapCounts(50, 10, 0, 1000)]
    dices, ious, iomins = [], [], []
    for _ in range(400):
        drawn = []
        for part in counts:
            first = torch.randperm(part.weights, generator=generator)[: part.first]
            second = torch.randperm(part.weights, generator=generator)[: part.second]
            drawn.append(OverlapCounts(part.first, part.second, int(torch.isin(first, second).sum()), part.weights))
        total = OverlapCounts.total(drawn)
        dices.append(total.dice)
        ious.append(total.iou)
        iomins.append(total.iomin)
    floor = density_floor(counts, seed=1)
    for found, values in ((floor.dice, dices), (floor.iou, ious), (floor.iomin, iomins)):
        assert abs(found - np.mean(values)) < 4.5 * np.std(values) / 20


def test_floor_of_empty_masks_is_undefined():
    empty = density_floor([OverlapCounts(0, 0, 0, 10)], seed=0)
    assert math.isnan(empty.dice)
    assert math.isnan(empty.iou)
    assert math.isnan(density_floor([OverlapCounts(3, 0, 0, 10)], seed=0).iomin)


@pytest.mark.parametrize("true", [0.0, 0.25, 0.5, 1.0])
def test_normalised_sharing_recovers_planted_overlap(true):
    """Masks that miss true weights independently (recall .7, noise .5 %) share S = the true Dice, within .05."""
    generator = torch.Generator().manual_seed(3)
    size, core = 200_000, 2000
    order = torch.randperm(size, generator=generator)
    a = order[:core]
    b = order[int(core * (1 - true)) : int(core * (1 - true)) + core]

    def observed(truth):
        bits = torch.rand(size, generator=generator) < 0.0005
        keep = truth[torch.rand(core, generator=generator) < 0.7]
        bits[keep] = True
        return BinaryMask({"w": bits})

    found = normalised_sharing([observed(a) for _ in range(3)], [observed(b) for _ in range(3)])
    assert found.normalised == pytest.approx(true, abs=0.05)
    assert found.masks == 3


def test_sharing_without_repeats_is_undefined():
    generator = torch.Generator().manual_seed(0)
    a, b = random_mask(generator, 0.3), random_mask(generator, 0.3)
    found = normalised_sharing([a], [b])
    assert math.isnan(found.normalised)
    assert found.between == dice(a, b)
    assert math.isnan(found.within_first)


def test_counts_among_used_weights():
    a = BinaryMask({"w": torch.tensor([1, 1, 0, 0, 0], dtype=torch.bool)})
    b = BinaryMask({"w": torch.tensor([0, 1, 1, 0, 0], dtype=torch.bool)})
    assert counts_among(a, b, a | b)["w"] == OverlapCounts(2, 2, 1, 3)
    assert counts_among(a, b)["w"] == OverlapCounts(2, 2, 1, 5)


def test_scores_under_masks():
    task = AdditionMultiplication(digits=1, train_items=100)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP([22, 30, 10]).train()
    full = BinaryMask({n: torch.ones_like(p, dtype=torch.bool) for n, p in network.named_parameters() if "bias" not in n})
    assert score(network, task, full) == score(network, task)
    early, late = half_mask_scores(network, task, ~full, ["layers.0.weight"])
    assert early == score(network, task, (~full).only("layers.0.weight"))
    assert late == score(network, task, (~full).only("layers.1.weight"))
    assert network.training


def test_a_share_and_its_exact_interval():
    """The ends of the Clopper-Pearson interval are where the tails hold 2.5 % each."""
    found = proportion(7, 40)
    assert (found.successes, found.n, found.share) == (7, 40, 7 / 40)

    def at_least(k, p):
        return sum(math.comb(40, i) * p**i * (1 - p) ** (40 - i) for i in range(k, 41))

    assert at_least(7, found.low) == pytest.approx(0.025)
    assert 1 - at_least(8, found.high) == pytest.approx(0.025)
    assert proportion(0, 10).low == 0
    assert proportion(10, 10).high == 1
    assert proportion(0, 10).high == pytest.approx(1 - 0.025 ** (1 / 10))


def test_a_share_of_nothing_is_undefined_and_an_impossible_one_refused():
    empty = proportion(0, 0)
    assert all(math.isnan(value) for value in (empty.share, empty.low, empty.high))
    for successes in (-1, 4):
        with pytest.raises(MaskscopeError, match=f"{successes} of 3"):
            proportion(successes, 3)
