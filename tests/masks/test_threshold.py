"""Keep thresholds: the shipped table is exact, interpolation is close, and the extremes are what the docstring says."""

from decimal import ROUND_HALF_EVEN, Decimal, getcontext

import torch

from maskscope.masks.kernels.threshold import LIMIT, STEPS_PER_UNIT, keep_threshold, position, threshold_table


def threshold(*logits: float) -> list[int]:
    return keep_threshold(position(torch.tensor(logits))).tolist()


def test_the_shipped_table_is_exact():
    getcontext().prec = 40
    table, _ = threshold_table(torch.device("cpu"))
    assert len(table) == 2 * LIMIT * STEPS_PER_UNIT + 1
    for place in range(0, len(table), 7):
        x = Decimal(place - LIMIT * STEPS_PER_UNIT) / STEPS_PER_UNIT
        exact = (Decimal(2) ** 32 / (1 + (-x).exp())).to_integral_value(ROUND_HALF_EVEN)
        assert int(table[place]) == min(int(exact), 2**32 - 1)
    assert bool((table[1:] >= table[:-1]).all())


def test_close_to_the_sigmoid_everywhere():
    logits = torch.linspace(-30, 30, 600_001)
    found = keep_threshold(position(logits)).double() / 2**32
    assert float((found - torch.sigmoid(logits.double())).abs().max()) < 6e-6


def test_extremes():
    never, always = threshold(-1e9, -24.0, -22.95), threshold(24.0, 1e9)
    assert never == [0, 0, 0]
    assert always == [2**32 - 1] * 2
    assert abs(threshold(0.0)[0] - 2**31) < 2**15


def test_monotone_and_the_same_for_any_layout_of_the_input():
    logits = torch.linspace(-25, 25, 4001)
    found = keep_threshold(position(logits))
    assert bool((found[1:] >= found[:-1]).all())
    strided = torch.stack([logits, logits], dim=1)[:, 1]
    one_by_one = torch.cat([keep_threshold(position(value[None])) for value in logits[::40]])
    assert torch.equal(keep_threshold(position(strided)), found)
    assert torch.equal(one_by_one, found[::40])
