"""Masks over units: sizes, set operations, overlap, attribution and files are counted in units."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import maskscope as ms
from maskscope.analysis import stable_core, top_weights, top_weights_overall, warm_start
from maskscope.errors import ConfigError, FileFormatError, MaskMismatchError
from maskscope.masks import Noise, loss_and_gradient, overlap_by_tensor
from maskscope.masks.kernels.counter import draw_words
from maskscope.storage import pack_tensors


@pytest.fixture
def rows():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    selection = ms.select(network, units="row")
    keep = {"0.weight": torch.tensor([True, False, True, False]), "2.weight": torch.tensor([False, True])}
    return network, selection, ms.BinaryMask.from_units(selection.groups, keep, selection.shapes)


def test_sizes_are_counted_in_units(rows):
    _, _, mask = rows
    assert (mask.count, mask.kept, mask.weights_kept) == (6, 3, 2 * 4 + 5)
    assert mask.density_by_tensor == {"0.weight": 0.5, "2.weight": 0.5}
    assert "3 of 6 units (row) in 4 tensors" in repr(mask)
    assert ms.kept_counts(mask) == {"0.weight": 2, "2.weight": 1}
    assert mask["0.bias"].tolist() == [True, False, True, False]
    assert mask.by_weight().count == 3 * 4 + 4 + 4 * 2 + 2


def test_set_operations_keep_units_that_are_the_same(rows):
    network, selection, mask = rows
    assert (~mask).units == (mask & ~mask).units == (mask - mask).units == selection.units
    assert (mask | ~mask).kept == 6
    assert (mask & ~mask).kept == 0
    plain = ms.BinaryMask.from_logits(ms.MaskLogits.full(ms.select(network), 1.0))
    assert (mask & plain).units == ()
    assert (mask & plain).kept == mask.weights_kept
    only = mask.only("0.weight", "2.bias")
    assert [group.names for group in only.units] == [("0.weight",), ("2.bias",)]
    assert only.kept == 3


def test_overlap_floors_and_random_masks_are_counted_in_units(rows):
    _, selection, mask = rows
    other = ms.BinaryMask.from_logits(ms.MaskLogits.full(selection, 1.0))
    counts = overlap_by_tensor(mask, other)
    assert (counts["0.weight"].first, counts["0.weight"].second, counts["0.weight"].both, counts["0.weight"].weights) == (
        2,
        4,
        2,
        4,
    )
    assert ms.iou(mask, other) == 0.5
    assert ms.iou(mask, other.by_weight()) == mask.weights_kept / other.weights_kept
    drawn = ms.random_mask_like(mask, torch.Generator().manual_seed(0))
    assert ms.kept_counts(drawn) == ms.kept_counts(mask)
    assert drawn.units == mask.units
    core = stable_core([mask] * 5, 0.8)
    assert (core.kept, core.share, core.mask) == (3, 0.5, mask)
    with pytest.raises(MaskMismatchError, match=r"6 units \(row\).*26 units \(weight\)"):
        stable_core([mask] * 4 + [other.by_weight()], 0.8)
    with pytest.raises(MaskMismatchError, match="same units"):
        ms.random_mask_like(mask, torch.Generator(), among=other.by_weight())


def test_attribution_is_the_sum_over_a_unit(rows):
    network, selection, _ = rows
    plain = ms.select(network)
    random = torch.Generator().manual_seed(0)
    x, labels = torch.randn(8, 3, generator=random), torch.randint(2, (8,), generator=random)

    def own(net, data):
        return cross_entropy(net(data[0]), data[1])

    weights = plain.of(network)
    _, gradients = loss_and_gradient(network, own, (x, labels), weights)
    scores = ms.weight_times_gradient(network, own, [(x, labels)], selection)
    by_row = (weights["0.weight"] * gradients["0.weight"]).sum(1) + weights["0.bias"] * gradients["0.bias"]
    torch.testing.assert_close(scores["0.weight"], by_row.abs())
    signed = ms.integrated_gradients(
        network, own, [(x, labels)], ms.select(network, units={"*": lambda net, roles: [whole(roles)]}), 64
    )
    emptied = cross_entropy(torch.zeros(8, 2), labels)
    torch.testing.assert_close(signed["all"][0], (own(network, (x, labels)) - emptied).abs().detach(), rtol=0, atol=2e-3)
    with pytest.raises(ConfigError, match="points is 0"):
        ms.integrated_gradients(network, own, [(x, labels)], plain, points=0)
    best = top_weights(scores, {"0.weight": 1, "2.weight": 1}, selection)
    assert best.units == selection.units
    assert int(best.by_unit()["0.weight"].nonzero()) == int(scores["0.weight"].argmax())
    assert top_weights_overall(scores, 4, selection).kept == 4
    start = warm_start(scores, selection)
    assert start.flat.numel() == 6
    with pytest.raises(MaskMismatchError, match="another selection of weights or units"):
        warm_start(scores, plain)
    with pytest.raises(MaskMismatchError, match="for another selection: for 6 units of 26 weights"):
        ms.discover(network, own, lambda index: (x, labels), selection=plain, initial=start, watch=False)


def whole(roles):
    return ms.UnitGroup("all", "network", 1, tuple((role.name, ms.Layout(1, 1, role.count)) for role in roles))


def test_files_hold_one_bit_a_unit(tmp_path, rows):
    network, _, mask = rows
    mask.save(tmp_path / "m")
    found = ms.BinaryMask.load(tmp_path / "m", network)
    assert found == mask
    assert (found.units, found.off, found.made_by) == (mask.units, mask.off, mask.made_by)
    big = nn.Linear(20_000, 50)
    ms.BinaryMask.from_logits(ms.MaskLogits.full(ms.select(big, units="row"), 1.0)).save(tmp_path / "big")
    assert (tmp_path / "big").stat().st_size < 2_000
    assert ms.BinaryMask.load(tmp_path / "big").weights_kept == 50 * 20_001


ENTRY = {"shape": [2, 3], "dtype": None, "weights_sha256": None}
GROUP = {"name": "w", "kind": "row", "count": 2, "members": [["w", 1, 2, 3]]}
ZERO = {"kind": "zero", "seed": 0, "sha256": {}}


@pytest.mark.parametrize(
    "change",
    [
        {"units": None},
        {"units": {}},
        {"units": [None]},
        {"units": [{**GROUP, "more": 1}]},
        *({"units": [{**GROUP, **odd}]} for odd in ({"count": 3}, {"count": True}, {"count": 2**70}, {"name": "v"}, {"kind": 1})),
        *(
            {"units": [{**GROUP, "members": odd}]}
            for odd in (
                *([], [["w", 1, 2]], [["w", 2, 2, 3]], [["w", 1, 3, 2]], [["v", 1, 2, 3]], [["w", -1, 2, -3]], [["w", 0, 2, 3]]),
                *([["w", 1, 2, 3], ["w", 1, 2, 3]], [["w", 1, 2.0, 3]], [["w", True, 2, 3]]),
            )
        ),
        {"units": [GROUP, GROUP]},
        {"units": [{**GROUP, "kind": "weight"}]},
        {"tensors": {"w": ENTRY, "v": ENTRY}},
        {"tensors": {"w": {**ENTRY, "shape": [2, 2**40]}}, "units": [{**GROUP, "members": [["w", 1, 2, 2**40]]}]},
        *({"off": odd} for odd in (None, "zero", {}, {**ZERO, "kind": "odd"}, {**ZERO, "kind": "other"}, {**ZERO, "seed": 1.5})),
        {"off": {**ZERO, "sha256": {"w": 3}}},
        {"version": 1},
        {"version": 3},
    ],
    ids=str,
)
def test_a_forged_file_can_only_fail(tmp_path, change):
    def written(more):
        metadata = {"version": 2, "tensors": {"w": ENTRY}, "made_by": {}, "units": [GROUP], "off": ZERO, **more}
        (tmp_path / "m").write_bytes(pack_tensors({"w": torch.tensor([2], dtype=torch.uint8)}, kind="mask", metadata=metadata))
        return tmp_path / "m"

    assert ms.BinaryMask.load(written({}))["w"].tolist() == [[False] * 3, [True] * 3]
    with pytest.raises(FileFormatError):
        ms.BinaryMask.load(written(change))


def test_masks_over_single_weights_are_as_before(tmp_path):
    """Their files are of version 1, and their streams have the names of their tensors."""
    network = nn.Linear(3, 2)
    plain = ms.select(network)
    assert (plain.units, plain.unit_count) == ((), 8)
    assert ms.select(network, units={"weight": "weight", "*": "weight"}) == ms.select(network)
    mask = ms.sample(ms.MaskLogits.full(plain, 0.0), Noise(1, "f"), step=2)
    words = draw_words(Noise(1, "f").key("weight"), step=2, block=0, first=0, count=6)[0]
    assert torch.equal(mask["weight"].flatten(), words < 1 << 31)
    mask.save(tmp_path / "m")
    assert b'\\"version\\":1' in (tmp_path / "m").read_bytes()
    assert ms.BinaryMask.load(tmp_path / "m") == mask


def test_a_unit_is_kept_whole_or_not_at_all(rows):
    _, selection, mask = rows
    torn = {name: bits.clone() for name, bits in mask.items()}
    torn["0.weight"][0, 0] = False
    with pytest.raises(MaskMismatchError, match=r"0.weight: a row of '0.weight' is kept in part"):
        ms.BinaryMask(torn, units=selection.units)
    with pytest.raises(MaskMismatchError, match="0.weight: 3 values for 4 units"):
        ms.BinaryMask.from_units(selection.groups, {**mask.by_unit(), "0.weight": torch.ones(3).bool()}, selection.shapes)
