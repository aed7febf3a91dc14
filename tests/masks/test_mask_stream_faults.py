"""Masks in streams: damaged, foreign and unlike files are errors, and leave no half file."""

import json
import math

import pytest
import torch

import maskscope as ms
from maskscope.errors import ConfigError, FileFormatError, MaskMismatchError, RunFolderError, UnknownNameError
from maskscope.storage import byte_vectors, write_tensors

SHAPES = {"b": (0,), "c": (7,), "d": (8,), "e": (3, 3), "f": (24,), "g": (5, 5), "h": (47,)}
WORDS = ("and", "or", "minus")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(byte_vectors, "BLOCK_BYTES", 3)


def random_bits(seed):
    random = torch.Generator().manual_seed(seed)
    return {name: torch.rand(shape, generator=random) < 0.5 for name, shape in SHAPES.items()}


@pytest.fixture
def pair(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        ms.BinaryMask(random_bits(seed)).save(tmp_path / name)
    return [ms.MaskFile.open(tmp_path / name) for name in "ab"]


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_flipped_bit_and_every_truncation_is_an_error(tmp_path):
    path = tmp_path / "m"
    ms.BinaryMask({"w": torch.ones(30, dtype=torch.bool), "v": torch.ones(3, dtype=torch.bool)}).save(path)
    content = path.read_bytes()
    damaged = [
        content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :] for place in range(0, len(content), 3)
    ]
    for wrong in [*damaged, *(content[:length] for length in range(0, len(content), 29)), content[:-1], content + b"x"]:
        path.write_bytes(wrong)
        with pytest.raises(FileFormatError):
            ms.MaskFile.open(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data_offsets": [0, 1]}, "its tensors end at byte"),
        ({"data_offsets": [1, 5]}, "do not follow each other"),
        ({"data_offsets": [0, True]}, "does not say where 'w' is"),
        ({"data_offsets": [-4, 0]}, "does not say where 'w' is"),
        ({"data_offsets": [4, 0]}, "do not follow each other"),
        ({"data_offsets": None}, "does not say where 'w' is"),
        ({"shape": [5]}, "expected 4 bytes for shape"),
        ({"dtype": "F32", "shape": [1]}, "expected 4 bytes for shape"),
        ({"more": 1}, "does not say where 'w' is"),
    ],
)
def test_a_header_of_odd_form_can_only_fail(tmp_path, change, said):
    ms.BinaryMask({"w": torch.ones(30, dtype=torch.bool)}).save(tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["w"] |= change
    text = json.dumps(header).encode()
    (tmp_path / "m").write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    with pytest.raises(FileFormatError, match=said):
        ms.MaskFile.open(tmp_path / "m")


def test_foreign_files_are_refused(tmp_path):
    write_tensors(tmp_path / "m", {"w": torch.ones(2)}, kind="weights", metadata={})
    with pytest.raises(FileFormatError, match="holds a 'weights'; a 'mask' was expected"):
        ms.MaskFile.open(tmp_path / "m")
    (tmp_path / "m").write_bytes(b"PK\x03\x04 a zip file, as torch.save writes")
    with pytest.raises(FileFormatError, match="not a maskscope tensor file"):
        ms.MaskFile.open(tmp_path / "m")
    with pytest.raises(FileFormatError, match="Cannot read .*: No such file"):
        ms.MaskFile.open(tmp_path / "absent")


def test_masks_that_do_not_fit_are_refused_before_anything_is_written(pair, tmp_path):
    before = left(tmp_path)
    other = ms.BinaryMask({"c": torch.ones(8, dtype=torch.bool), "q": torch.ones(8, dtype=torch.bool)})
    for word in WORDS:
        with pytest.raises(MaskMismatchError, match=r"(?s)d: only in the first.*q: only in the second.*c: shape \[7\] in the"):
            ms.combine_masks(word, [pair[0], other], tmp_path / "out")
    with pytest.raises(MaskMismatchError, match="only in the first"):
        ms.iou(pair[0], other)
    with pytest.raises(MaskMismatchError, match="zero and mean"):
        ms.combine_masks("and", [pair[0], ms.BinaryMask(random_bits(1), off=ms.Off("mean"))], tmp_path / "out")
    with pytest.raises(MaskMismatchError, match="the network has no such parameter"):
        ms.MaskFile.open(tmp_path / "a", torch.nn.Linear(2, 2))
    with pytest.raises(UnknownNameError, match="set operation 'xor'"):
        ms.combine_masks("xor", pair, tmp_path / "out")
    for word, masks in (("and", pair[:1]), ("not", pair), ("or", [])):
        with pytest.raises(ConfigError, match=f"`{word}` takes .*; found {len(masks)}"):
            ms.combine_masks(word, masks, tmp_path / "out")
    assert left(tmp_path) == before


def test_a_file_that_changes_while_it_is_read_leaves_no_half_file(pair, tmp_path):
    (tmp_path / "out").write_bytes(b"old")
    before = left(tmp_path)
    ms.BinaryMask(random_bits(9)).save(tmp_path / "b")  # as long as before
    with pytest.raises(FileFormatError, match="b was changed while it was read"):
        ms.combine_masks("and", pair, tmp_path / "out")
    with pytest.raises(FileFormatError, match="was changed while it was read"):
        ms.iou(*pair)
    ms.BinaryMask(random_bits(2)).save(tmp_path / "b")
    (tmp_path / "b").write_bytes((tmp_path / "b").read_bytes()[:-2])
    with pytest.raises(FileFormatError, match="was cut short while it was read"):
        ms.combine_masks("or", pair, tmp_path / "out")
    (tmp_path / "b").unlink()
    with pytest.raises(FileFormatError, match="No such file"):
        ms.combine_masks("or", pair, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"old"
    assert left(tmp_path) == [name for name in before if name != "b"]


def test_bits_that_cannot_be_written_leave_no_half_file(tmp_path):
    ones = torch.ones(9, dtype=torch.bool)

    def fails(name):
        yield ones
        raise KeyError(name)

    with pytest.raises(ConfigError, match="w has 3 bytes, but 2 were given"):
        ms.MaskFile.write(tmp_path / "m", {"w": (17,)}, lambda name: [ones])
    with pytest.raises(KeyError):
        ms.MaskFile.write(tmp_path / "m", {"w": (18,)}, fails)
    with pytest.raises(ConfigError, match="cannot be written so that it could be read again"):
        ms.MaskFile.write(tmp_path / "m", {"w": (9,)}, lambda name: [ones], made_by={"x": math.nan})
    with pytest.raises(RunFolderError, match="it is a folder"):
        ms.MaskFile.write(tmp_path, {"w": (9,)}, lambda name: [ones])
    assert left(tmp_path) == []
