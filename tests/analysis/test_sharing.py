import math
from itertools import combinations, product

import pytest
import torch

from maskscope.analysis import between, ceiling, ceiling_exceeds_floor, dice_floor, normalised_sharing, require_one_network
from maskscope.errors import MaskMismatchError
from maskscope.masks import BinaryMask, MaskedWeight, OverlapCounts, dice, overlap_by_tensor


def mask(*bits: int, digest: str | None = None) -> BinaryMask:
    known = {"w": MaskedWeight("float32", digest)} if digest else {}
    return BinaryMask({"w": torch.tensor(bits, dtype=torch.bool)}, known)


def random_masks(count: int, density: float, seed: int = 0) -> list[BinaryMask]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"u": (6, 5), "v": (9,)}
    return [BinaryMask({n: torch.rand(s, generator=generator) < density for n, s in shapes.items()}) for _ in range(count)]


def floor_by_hand(a: BinaryMask, b: BinaryMask) -> float:
    return sum(2 * int(a[n].sum()) * int(b[n].sum()) / a[n].numel() for n in a) / (a.kept + b.kept)


def test_ceiling_and_between_are_means_over_all_pairs():
    first, second = random_masks(4, 0.4), random_masks(3, 0.2, seed=1)
    within = ceiling(first)
    assert within.pairs == 6
    assert within.dice == pytest.approx(sum(dice(a, b) for a, b in combinations(first, 2)) / 6)
    assert within.floor == pytest.approx(sum(floor_by_hand(a, b) for a, b in combinations(first, 2)) / 6)
    assert within.excess == within.dice - within.floor
    cross = between(first, second)
    assert cross.pairs == 12
    assert cross.dice == pytest.approx(sum(dice(a, b) for a, b in product(first, second)) / 12)
    assert cross.floor == pytest.approx(sum(floor_by_hand(a, b) for a, b in product(first, second)) / 12)


def test_sharing_is_the_formula():
    first, second = random_masks(3, 0.4), random_masks(3, 0.2, seed=1)
    first = [a | first[0] for a in first]
    second = [b | second[0] for b in second]
    found, d, wa, wb = normalised_sharing(first, second), between(first, second), ceiling(first), ceiling(second)
    assert found.normalised == pytest.approx((d.dice - d.floor) / math.sqrt((wa.dice - wa.floor) * (wb.dice - wb.floor)))
    assert (found.between, found.within_first, found.within_second) == (d.dice, wa.dice, wb.dice)
    assert (found.floor_between, found.floor_first, found.floor_second) == (d.floor, wa.floor, wb.floor)
    assert normalised_sharing(second, first).normalised == pytest.approx(found.normalised)


def test_a_function_shares_everything_with_itself():
    """With the cross pairs (i, i) left out, d is w, and S is 1."""
    masks = [m | random_masks(1, 0.3, seed=9)[0] for m in random_masks(2, 0.2)]
    assert between(masks[:1], masks[1:]).dice == ceiling(masks).dice


@pytest.mark.parametrize("masks", [[], [mask(1, 0, 1)]])
def test_one_mask_has_no_ceiling(masks):
    found = ceiling(masks)
    assert found.pairs == 0
    assert math.isnan(found.dice)
    assert math.isnan(found.excess)
    assert math.isnan(between(masks, []).dice)


def test_two_empty_masks_leave_the_mean_undefined_and_one_gives_zero():
    empty, some = mask(0, 0, 0), mask(1, 1, 0)
    assert ceiling([empty, some]).dice == 0
    assert math.isnan(ceiling([empty, empty]).dice)
    assert math.isnan(ceiling([empty, empty, some]).dice)
    assert between([empty], [some]).dice == 0
    assert math.isnan(normalised_sharing([empty, empty], [some, some]).normalised)


def test_a_ceiling_at_its_floor_leaves_sharing_undefined():
    everything = [mask(1, 1, 1), mask(1, 1, 1)]
    assert ceiling(everything).excess == 0
    assert math.isnan(normalised_sharing(everything, everything).normalised)


def test_among_counts_the_weights_of_a_third_mask_only():
    a, b, used = mask(1, 1, 0, 0, 0, 0), mask(0, 1, 1, 0, 0, 0), mask(1, 1, 1, 1, 0, 0)
    assert ceiling([a, b], among=used).floor == pytest.approx(2 * (2 * 2 / 4) / 4)
    assert ceiling([a, b]).floor == pytest.approx(2 * (2 * 2 / 6) / 4)
    assert between([a], [b], among=used).dice == ceiling([a, b]).dice


def test_the_floor_of_dice_is_the_mean_over_every_placement():
    """Two tensors of 4 and 3 weights, sizes 2 and 3, 1 and 2: all placements of the second mask, by hand."""
    first = {"u": {0, 1}, "v": {0}}
    values = [
        2 * (len(first["u"] & set(u)) + len(first["v"] & set(v))) / (2 + 1 + 3 + 2)
        for u, v in product(combinations(range(4), 3), combinations(range(3), 2))
    ]
    assert dice_floor([OverlapCounts(2, 3, 0, 4), OverlapCounts(1, 2, 0, 3)]) == pytest.approx(sum(values) / len(values))
    assert math.isnan(dice_floor([OverlapCounts(0, 0, 0, 4), OverlapCounts(0, 0, 0, 0)]))
    a, b = random_masks(2, 0.3)
    assert dice_floor(overlap_by_tensor(a, b).values()) == pytest.approx(floor_by_hand(a, b))


@pytest.mark.parametrize(
    ("excess", "exceeds"),
    [
        ([0.3, 0.31, 0.29], True),
        ([0.3, 0.0, 0.29], False),  # mean .2, half an interval .42
        ([0.2, math.nan, 0.21], True),
        ([0.2], True),
        ([-0.1], False),
        ([0.2, 0.2], True),
        ([0.0, 0.0], False),
        ([math.nan], False),
        ([], False),
    ],
)
def test_the_interval_of_the_excess_decides(excess, exceeds):
    assert ceiling_exceeds_floor(excess) is exceeds


def test_masks_of_different_networks_are_refused():
    a, b, by_hand = mask(1, 0, digest="a" * 64), mask(1, 1, digest="b" * 64), mask(0, 1)
    with pytest.raises(MaskMismatchError, match=r"(?s)ceiling from another network.*w: mask 0.*aaaaaaaaaaaa.*mask 2.*bbbb.*each"):
        ceiling([a, by_hand, b])
    with pytest.raises(MaskMismatchError, match=r"mean overlap from another network"):
        between([a], [b])
    with pytest.raises(MaskMismatchError, match=r"from another network"):
        normalised_sharing([a, a], [b, b])
    assert ceiling([a, by_hand]).pairs == 1


def test_masks_over_different_weights_are_refused_with_every_difference():
    odd = BinaryMask({"w": torch.ones(3, dtype=torch.bool), "x": torch.ones(1, dtype=torch.bool)})
    with pytest.raises(MaskMismatchError, match=r"(?s)ceiling.*x: in mask 1, not in mask 0.*w: shape \[2\] in mask 0.*selection"):
        ceiling([mask(1, 0), odd])
    with pytest.raises(MaskMismatchError, match="x: in first, not in second"):
        require_one_network({"first": odd, "second": mask(1, 0, 0)}, "number")
    require_one_network({}, "number")
