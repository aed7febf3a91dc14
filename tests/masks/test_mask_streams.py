"""Masks in streams: what is made of files in blocks is what is made of whole masks in memory, at every boundary."""

import itertools
import math
import sys
import tracemalloc
from dataclasses import replace
from functools import reduce
from operator import and_, or_, sub

import numpy as np
import pytest
import torch

import maskscope as ms
from maskscope.analysis import density_floor, mask_difference
from maskscope.cli.mask import files as files_of_commands
from maskscope.masks import MaskedWeight, OverlapCounts, overlap_by_tensor, overlaps
from maskscope.masks.bits.combine import RULES
from maskscope.masks.bits.packing import packed, popcount, unpacked
from maskscope.storage import byte_vectors, pack_tensors

# bits that fill a byte, a block of 3 bytes, and one more or less; scalars, empty tensors, a name that JSON has to escape
SHAPES = {
    **{"a": (), "b": (0,), "c": (7,), "d": (8,), "e": (3, 3), "f": (24,), "g": (5, 5), "h": (47,), "i": (6, 8), "j": (7, 7)},
    'k."ü"\n': (4, 0, 2),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(byte_vectors, "BLOCK_BYTES", 3)


def random_bits(seed, density=0.5):
    random = torch.Generator().manual_seed(seed)
    return {name: torch.rand(shape, generator=random) < density for name, shape in SHAPES.items()}


def rows_mask(seed, name):
    """A mask over rows and single weights, found on known values, with drawn values where it is off."""
    network = torch.nn.Sequential(torch.nn.Linear(5, 9), torch.nn.Linear(9, 3))
    with torch.no_grad():
        for place, weight in enumerate(network.parameters()):
            weight.copy_(torch.arange(weight.numel()).view(weight.shape) + place)
    selection = ms.select(network, units={"0.*": "row", "*": "weight"})
    random = torch.Generator().manual_seed(seed)
    logits = ms.MaskLogits(selection, torch.randn(selection.unit_count, generator=random))
    return ms.BinaryMask.from_logits(logits, selection.of(network), {"noise": {"mask": name}}, ms.Off("drawn", 5))


MASKS = {
    "single weights": [
        ms.BinaryMask(random_bits(seed, density), made_by={"seed": seed}) for seed, density in enumerate((0.5, 0.1, 0.9))
    ],
    "known weights": [
        ms.BinaryMask(
            random_bits(7), {"c": MaskedWeight("float32", "1" * 64), "d": MaskedWeight("float32", other * 64)}, {"x": other}
        )
        for other in "23"
    ],
    "rows": [rows_mask(seed, name) for seed, name in enumerate("xyz")],
    "rows and weights": [rows_mask(0, "x"), rows_mask(1, "y").by_weight(), rows_mask(2, "z")],
    "nothing and all": [
        ms.BinaryMask({name: torch.full(shape, value) for name, shape in SHAPES.items()}) for value in (False, True)
    ],
    "no tensors": [ms.BinaryMask({}), ms.BinaryMask({})],
}


@pytest.fixture(params=MASKS)
def masks(request):
    return MASKS[request.param]


@pytest.fixture
def files(masks, tmp_path):
    for place, mask in enumerate(masks):
        mask.save(tmp_path / f"{place}")
    return [ms.MaskFile.open(tmp_path / f"{place}") for place in range(len(masks))]


def same(left, right):
    return left == right or (math.isnan(left) and math.isnan(right))


def test_a_file_is_the_mask_that_it_holds(masks, files):
    for mask, file in zip(masks, files, strict=True):
        assert file == mask
        assert mask == file
        assert file.facts == mask.facts
        assert all(torch.equal(file[name], mask[name]) for name in mask)
        for one, other in ((mask, file), (mask.by_weight(), file.by_weight())):
            assert other == one
            assert (other.kept, other.count, other.weights_kept) == (one.kept, one.count, one.weights_kept)
            assert other.kept_by_group == one.kept_by_group == {name: int(bits.sum()) for name, bits in one.by_unit().items()}
            assert same(other.density, one.density)
            assert repr(other) == repr(one).replace("BinaryMask", "MaskFile")
        assert file._repr_html_() == ms.BinaryMask.load(file.path)._repr_html_()
    assert len({*map(len, files)}) == 1
    assert (files[0] == files[1]) == (masks[0] == masks[1])


@pytest.mark.parametrize("word", [*RULES, "not"])
def test_set_operations_give_the_same_bytes_as_in_memory(masks, files, tmp_path, word):
    operators = {"and": and_, "or": or_, "minus": sub}
    expected = ~masks[0] if word == "not" else reduce(operators[word], masks)
    expected.save(tmp_path / "expected")
    operands = files[:1] if word == "not" else files
    made = ms.combine_masks(word, operands, tmp_path / "made")
    assert (tmp_path / "made").read_bytes() == (tmp_path / "expected").read_bytes()
    assert made == expected
    # a mask in memory beside masks in files
    ms.combine_masks(word, [masks[0], *operands[1:]], tmp_path / "mixed")
    assert (tmp_path / "mixed").read_bytes() == (tmp_path / "expected").read_bytes()


def test_overlaps_of_all_pairs_in_one_pass(masks, files):
    found = overlaps(files)
    assert list(found) == list(itertools.combinations(range(len(masks)), 2))
    whole = masks if len({mask.units for mask in masks}) == 1 else [mask.by_weight() for mask in masks]
    for (a, b), counts in found.items():
        first, second = whole[a].by_unit(), whole[b].by_unit()
        assert counts == {
            name: OverlapCounts(int(one.sum()), int(second[name].sum()), int((one & second[name]).sum()), one.numel())
            for name, one in first.items()
        }
        for measure in (ms.iou, ms.iomin, ms.dice):
            assert same(measure(files[a], files[b]), measure(masks[a], masks[b]))
    assert same(ms.dice(files[0], masks[1]), ms.dice(masks[0], files[1]))
    stored, whole = mask_difference(*files[:2]), mask_difference(*masks[:2])
    assert replace(stored, tensors=()) == replace(whole, tensors=())
    assert set(stored.tensors) == set(whole.tensors)
    assert mask_difference(files[0], masks[0]).is_empty


def test_laws_over_random_shapes(tmp_path):
    random = np.random.default_rng(0)
    for case in range(5):
        shapes = {f"t{number}": tuple(random.integers(0, 9, random.integers(0, 4))) for number in range(random.integers(1, 4))}
        shapes = {name: tuple(map(int, shape)) for name, shape in shapes.items()}
        a, b = (
            ms.BinaryMask(
                {name: torch.from_numpy(random.random(s) < 0.5 if s else np.array(case % 2 == 0)) for name, s in shapes.items()}
            )
            for _ in "ab"
        )
        a.save(tmp_path / "a")
        b.save(tmp_path / "b")
        stored = [ms.MaskFile.open(tmp_path / name) for name in "ab"]
        made = {word: ms.combine_masks(word, stored, tmp_path / word) for word in RULES}
        assert made["and"] == a & b
        assert made["or"] == a | b
        assert made["minus"] == a - b
        assert made["or"].kept + made["and"].kept == a.kept + b.kept
        both = OverlapCounts.total(overlap_by_tensor(*stored).values())
        assert both == OverlapCounts(a.kept, b.kept, made["and"].kept, a.count)
        assert ms.combine_masks("not", [ms.combine_masks("not", stored[:1], tmp_path / "n")], tmp_path / "nn") == a


@pytest.mark.parametrize("sizes", [(1,), (7, 2), (8, 24, 1), (50,), (0, 3, 25)])
def test_written_from_parts_of_any_length(tmp_path, sizes):
    bits = random_bits(3)
    ms.BinaryMask(bits, made_by={"seed": 3}).save(tmp_path / "whole")

    def parts(name):
        flat, lengths, start = bits[name].reshape(-1), itertools.cycle(sizes), 0
        while start < len(flat):
            start, begin = start + next(lengths), start
            yield flat[begin:start]

    made = ms.MaskFile.write(tmp_path / "parts", SHAPES, parts, made_by={"seed": 3})
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
    assert made.made_by == {"seed": 3}


def test_written_by_group_of_units(tmp_path):
    mask = rows_mask(0, "x")
    mask.save(tmp_path / "whole")
    bits = mask.by_unit()
    ms.MaskFile.write(
        *(tmp_path / "parts", mask.shapes, lambda name: bits[name].split(2)),
        **{"weights": mask.weights, "made_by": mask.made_by, "units": mask.units, "off": mask.off},
    )
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_files_are_those_of_safetensors(tmp_path):
    bits = random_bits(3)
    ms.BinaryMask(bits).save(tmp_path / "m")
    tensors = {name: torch.from_numpy(np.packbits(one.reshape(-1).numpy(), bitorder="little")) for name, one in bits.items()}
    entries = {name: {"shape": list(one.shape), "dtype": None, "weights_sha256": None} for name, one in bits.items()}
    content = pack_tensors(tensors, kind="mask", metadata={"version": 1, "tensors": entries, "made_by": {}})
    assert (tmp_path / "m").read_bytes() == content


def test_bits_are_packed_and_counted(monkeypatch):
    for length in (0, 1, 8, 23, 24, 25, 100):
        bits = torch.rand(length, generator=torch.Generator().manual_seed(length)) < 0.5
        blocks = list(packed([bits]))
        assert [len(block) for block in blocks] == [min(3, -(-length // 8) - start) for start in range(0, -(-length // 8), 3)]
        assert torch.equal(unpacked(blocks, length), bits)
        assert sum(map(popcount, blocks)) == int(bits.sum())
    block = np.arange(256, dtype=np.uint8)
    assert popcount(block) == 1024
    monkeypatch.delattr(np, "bitwise_count", raising=False)  # as numpy 1
    assert popcount(block) == 1024


@pytest.fixture
def pair(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        ms.BinaryMask(random_bits(seed)).save(tmp_path / name)
    return [ms.MaskFile.open(tmp_path / name) for name in "ab"]


def test_a_mask_may_replace_one_that_it_is_made_of(pair, tmp_path):
    expected = ms.BinaryMask.load(tmp_path / "a") & ms.BinaryMask.load(tmp_path / "b")
    assert ms.combine_masks("and", pair, tmp_path / "a") == expected


def test_how_much_was_read_is_told(pair, tmp_path):
    size = sum(-(-math.prod(shape) // 8) for shape in SHAPES.values())
    told = []
    ms.MaskFile.open(tmp_path / "a", advance=told.append)
    assert (sum(told), max(told)) == (size, 3)
    for work in (
        lambda advance: ms.combine_masks("and", pair, tmp_path / "out", advance=advance),
        lambda advance: overlaps(pair, advance=advance),
        lambda advance: mask_difference(*pair, advance=advance),
    ):
        told = []
        work(told.append)
        assert sum(told) == 2 * size


def test_chance_in_tensors_larger_than_numpy_draws():
    large, small = (OverlapCounts(scale // 10, scale // 5, 0, scale) for scale in (3 * 10**9, 10**6))
    assert density_floor([large], 0).iou == pytest.approx(density_floor([small], 0).iou, abs=3e-5)
    few = density_floor([OverlapCounts(10**5, 3 * 10**5, 0, 3 * 10**9)], 0)
    assert few.iou == pytest.approx(10 / (4 * 10**5 - 10), rel=0.05)


def test_neither_a_mask_nor_a_tensor_is_in_memory_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(byte_vectors, "BLOCK_BYTES", 2**14)
    count, part = 2**23, torch.arange(2**16) % 3 == 0
    # the checks of types in these tests read the first tensor of every mask
    shapes, bits = {"first": (1,), "w": (count,)}, {"first": [part[:1]], "w": [part] * (count // len(part))}
    tracemalloc.start()
    try:
        written = [ms.MaskFile.write(tmp_path / name, shapes, bits.__getitem__) for name in "ab"]
        made = ms.combine_masks("minus", written, tmp_path / "made")
        assert (made.kept, ms.iou(*written)) == (0, 1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < count / 8  # a block of bools, and some of bytes


def test_a_terminal_sees_how_far_the_reading_of_large_files_is(pair, tmp_path, monkeypatch, capsys):
    with files_of_commands.reading("reading", [tmp_path / "a"]) as advance:
        assert advance is None  # small, and no terminal
    monkeypatch.setattr(files_of_commands, "_LARGE", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with files_of_commands.reading("reading", [tmp_path / "a"]) as advance:
        ms.MaskFile.open(tmp_path / "a", advance=advance)
    assert "reading" in capsys.readouterr().err
