import math
from itertools import permutations

import numpy as np
import pytest
import torch

from maskscope.analysis import holm, mid_p_value, null_test, unrelated_null, unrelated_p_value
from maskscope.errors import MaskMismatchError, MaskscopeError
from maskscope.masks import BinaryMask, MaskedWeight


def mask(*bits: int, digest: str | None = None) -> BinaryMask:
    known = {"w": MaskedWeight("float32", digest)} if digest else {}
    return BinaryMask({"w": torch.tensor(bits, dtype=torch.bool)}, known)


def test_p_by_hand():
    null = [0.1, 0.2, 0.3, 0.3]
    assert unrelated_p_value(0.4, null) == 1 / 5
    assert unrelated_p_value(0.3, null) == 3 / 5
    assert unrelated_p_value(0.0, null) == 1
    assert mid_p_value(0.4, null) == 0.5 / 5
    assert mid_p_value(0.3, null) == 1.5 / 5
    assert mid_p_value(0.15, null) == 3.5 / 5
    assert unrelated_p_value(0.9, []) == 1


def test_nineteen_nulls_reach_five_percent():
    assert unrelated_p_value(1.0, [0.0] * 19) == 0.05


def test_what_is_undefined_is_not_held_against_the_null():
    assert math.isnan(unrelated_p_value(math.nan, [0.1]))
    assert math.isnan(mid_p_value(math.nan, [0.1]))
    assert unrelated_p_value(0.5, [math.nan, 0.1]) == 2 / 3
    assert mid_p_value(0.5, [math.nan, 0.1]) == 1.5 / 3


@pytest.mark.parametrize("values", [(0.1, 0.2, 0.3, 0.4), (0.0, 0.0, 0.0, 0.5), (1.0, 1.0, 1.0, 1.0)])
def test_exchangeable_overlaps_give_valid_p_and_a_mid_p_of_one_half(values):
    """Any of the K + 1 is the observed one with equal chance: P(p <= t) <= t for every t, and mid-p has mean .5."""
    drawn = [(order[0], order[1:]) for order in permutations(values)]
    p = np.array([unrelated_p_value(observed, null) for observed, null in drawn])
    assert all(np.mean(p <= t) <= t + 1e-12 for t in (0.25, 0.5, 0.75, 1.0))
    assert np.mean([mid_p_value(observed, null) for observed, null in drawn]) == pytest.approx(0.5)


def test_the_null_is_the_dice_with_each_unrelated_mask():
    first = mask(1, 1, 0, 0)
    null = unrelated_null(first, [mask(1, 1, 0, 0), mask(0, 1, 1, 0), mask(0, 0, 1, 1), mask(0, 0, 0, 0)])
    assert null == (1.0, 0.5, 0.0, 0.0)
    assert math.isnan(unrelated_null(mask(0, 0), [mask(0, 0)])[0])
    assert unrelated_null(first, []) == ()


def test_a_null_test_holds_what_it_compared():
    found = null_test(mask(1, 1, 0, 0), mask(1, 1, 1, 0), [mask(0, 1, 1, 0), mask(0, 0, 1, 1)])
    assert (found.observed, found.null, found.p) == (0.8, (0.5, 0.0), 1 / 3)


def test_masks_of_other_networks_are_no_null():
    here, there = mask(1, 0, digest="a"), mask(0, 1, digest="b")
    with pytest.raises(MaskMismatchError, match=r"(?s)null from another network.*unrelated mask 1"):
        unrelated_null(here, [here, there])
    with pytest.raises(MaskMismatchError, match="null test from another network"):
        null_test(here, there, [here])
    with pytest.raises(MaskMismatchError, match="shape"):
        unrelated_null(here, [mask(1, 0, 1)])


def textbook_holm(p: list[float], level: float) -> set[int]:
    """Which are rejected at a level: step down from the least p while p_(i) <= level / (m - i + 1)."""
    rejected: set[int] = set()
    for rank, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[place] > level / (len(p) - rank):
            break
        rejected.add(place)
    return rejected


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()
    assert holm([0.6, 0.7]) == (1.0, 1.0)


def test_holm_rejects_what_the_step_down_procedure_rejects():
    random = np.random.default_rng(0)
    for _ in range(300):
        p = list(random.choice([0.001, 0.01, 0.02, 0.04, 0.3, 1.0], size=random.integers(1, 6)) * random.uniform(0.5, 1))
        adjusted = holm(p)
        for level in random.uniform(0, 0.3, size=5):
            assert {place for place, value in enumerate(adjusted) if value <= level} == textbook_holm(p, level)


def test_undefined_p_values_are_not_in_the_family():
    adjusted = holm([math.nan, 0.02, 0.5])
    assert math.isnan(adjusted[0])
    assert adjusted[1:] == (0.04, 0.5)


@pytest.mark.parametrize("value", [-0.1, 1.5, math.inf])
def test_holm_refuses_what_is_no_p_value(value):
    with pytest.raises(MaskscopeError, match=r"\[0, 1\]"):
        holm([0.1, value])
