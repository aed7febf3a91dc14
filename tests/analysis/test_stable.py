import math
from itertools import product

import pytest
import torch

from maskscope.analysis import stable_core
from maskscope.errors import ConfigError, MaskMismatchError
from maskscope.masks import BinaryMask, MaskedWeight


def masks(*rows: str, digests: str | None = None) -> list[BinaryMask]:
    known = [{"w": MaskedWeight("float32", digest)} for digest in digests] if digests else [{}] * len(rows)
    return [
        BinaryMask({"w": torch.tensor([bit == "1" for bit in row])}, weights) for row, weights in zip(rows, known, strict=True)
    ]


def test_a_core_by_hand():
    found = stable_core(masks("1110", "1100", "1100", "1001", "1001"), 0.6)
    assert found.mask["w"].tolist() == [True, True, False, False]
    assert (found.repeats, found.needed, found.kept, found.share) == (5, 3, 2, 0.5)
    assert stable_core(masks("1110", "1100", "1100", "1001", "1001"), 1.0).mask["w"].tolist() == [True, False, False, False]


def test_chance_is_the_sum_over_every_outcome():
    """Two tensors with densities of their own: all 2^5 ways in which a weight can be in five independent masks."""
    generator = torch.Generator().manual_seed(0)
    found = [
        BinaryMask({"u": torch.rand(7, 3, generator=generator) < 0.2 * place, "v": torch.rand(11, generator=generator) < 0.5})
        for place in range(1, 6)
    ]
    expected = 0.0
    for name in ("u", "v"):
        density = [one.density_by_tensor[name] for one in found]
        for outcome in product((0, 1), repeat=5):
            if sum(outcome) >= 4:
                expected += found[0][name].numel() * math.prod(d if o else 1 - d for d, o in zip(density, outcome, strict=True))
    core = stable_core(found, 0.8)
    assert core.kept_by_chance == pytest.approx(expected)
    assert core.share_by_chance == pytest.approx(expected / 32)


def test_independent_masks_have_the_core_that_chance_gives():
    """40,000 weights, density .5, 4 of 6 masks: 22/64 of all; within 4.5 standard deviations."""
    generator = torch.Generator().manual_seed(1)
    found = stable_core([BinaryMask({"w": torch.rand(40_000, generator=generator) < 0.5}) for _ in range(6)], 4 / 6)
    p = 22 / 64
    assert found.share_by_chance == pytest.approx(p, abs=0.01)
    assert abs(found.kept - found.kept_by_chance) < 4.5 * math.sqrt(40_000 * p * (1 - p))


def test_a_share_that_is_a_whole_number_of_masks_is_not_rounded_up():
    assert [stable_core(masks(*["1"] * 10), q).needed for q in (0.1, 0.3, 0.6, 0.7, 0.9, 1.0)] == [1, 3, 6, 7, 9, 10]
    assert stable_core(masks(*["1"] * 7), 0.5).needed == 4


def test_full_and_empty_masks():
    full, empty = stable_core(masks(*["11"] * 5), 0.8), stable_core(masks(*["00"] * 5), 0.8)
    assert (full.kept, full.kept_by_chance) == (2, pytest.approx(2))
    assert (empty.kept, empty.kept_by_chance) == (0, pytest.approx(0))
    nothing = stable_core([BinaryMask({"w": torch.zeros(0, dtype=torch.bool)})] * 5, 0.8)
    assert math.isnan(nothing.share)
    assert math.isnan(nothing.share_by_chance)


def test_few_masks_and_impossible_shares_are_refused():
    with pytest.raises(ConfigError, match=r"4 masks.*at least 5"):
        stable_core(masks(*["1"] * 4), 0.5)
    for share in (0.0, -0.1, 1.1, math.nan):
        with pytest.raises(ConfigError, match="share is"):
            stable_core(masks(*["1"] * 5), share)


def test_masks_of_other_networks_are_refused():
    with pytest.raises(MaskMismatchError, match="stable core from another network"):
        stable_core(masks(*["1"] * 5, digests="aaaab"), 0.5)
    assert stable_core(masks(*["1"] * 5, digests="aaaaa"), 0.5).mask.weights["w"].digest == "a"
