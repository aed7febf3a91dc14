"""Mask files: what is read is what was written, and anything else is an error, never garbage."""

import functools
import json
import operator
import os

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, FileFormatError, MaskMismatchError, RunFolderError
from maskscope.storage import pack_tensors, read_tensors, write_tensors


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1))


@pytest.fixture
def mask(network):
    logits = ms.MaskLogits(ms.select(network, exclude=["*bias"]), torch.linspace(-1, 1, 20).roll(3))
    weights = ms.select(network, exclude=["*bias"]).of(network)
    return ms.BinaryMask.from_logits(logits, weights, {"config": {"estimator": "rao-blackwell"}, "noise": {"seed": 7}})


def test_round_trip(tmp_path, network, mask):
    mask.save(tmp_path / "add.safetensors")
    found = ms.BinaryMask.load(tmp_path / "add.safetensors", network)
    assert found == mask
    assert found.weights == mask.weights
    assert found.made_by == mask.made_by
    (tmp_path / "again").mkdir()
    found.save(tmp_path / "again" / "add.safetensors")
    assert (tmp_path / "again" / "add.safetensors").read_bytes() == (tmp_path / "add.safetensors").read_bytes()


@pytest.mark.parametrize("shape", [(), (1,), (7,), (8,), (9,), (3, 3, 3), (0,), (64, 65)])
def test_any_shape(tmp_path, shape):
    bits = torch.rand(shape, generator=torch.Generator().manual_seed(0)) > 0.5
    mask = ms.BinaryMask({"w": bits})
    mask.save(tmp_path / "m.safetensors")
    assert torch.equal(ms.BinaryMask.load(tmp_path / "m.safetensors")["w"], bits)


def test_bit_order_is_as_documented(tmp_path):
    bits = torch.zeros(11, dtype=torch.bool)
    bits[[0, 3, 9]] = True
    ms.BinaryMask({"w": bits}).save(tmp_path / "m.safetensors")
    packed, metadata = read_tensors(tmp_path / "m.safetensors", kind="mask")
    assert packed["w"].tolist() == [0b00001001, 0b00000010]
    assert metadata["tensors"]["w"]["shape"] == [11]


def test_one_bit_a_weight(tmp_path):
    ms.BinaryMask({"w": torch.ones(1_000_000, dtype=torch.bool)}).save(tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").stat().st_size < 126_000


def test_another_network_names_every_difference(tmp_path, mask):
    mask.save(tmp_path / "m.safetensors")
    other = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    with pytest.raises(MaskMismatchError) as error:
        ms.BinaryMask.load(tmp_path / "m.safetensors", other)
    assert "0.weight: same shape, but the weights have other values" in str(error.value)
    assert "2.weight: the mask has shape [1, 5], the network [2, 5]" in str(error.value)
    with pytest.raises(MaskMismatchError, match="found on float32, the network has float64"):
        ms.BinaryMask.load(tmp_path / "m.safetensors", nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)).double())
    with pytest.raises(MaskMismatchError, match=r"0.weight: the network has no such parameter. Did you mean 'weight'"):
        ms.BinaryMask.load(tmp_path / "m.safetensors", nn.Linear(3, 5))


def test_every_flipped_bit_is_an_error(tmp_path, mask):
    path = tmp_path / "m.safetensors"
    mask.save(path)
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in (0, 5):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
            with pytest.raises(FileFormatError):
                ms.BinaryMask.load(path)


def test_every_truncation_and_any_appendix_is_an_error(tmp_path, mask):
    path = tmp_path / "m.safetensors"
    mask.save(path)
    content = path.read_bytes()
    for length in [*range(0, len(content), 3), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(FileFormatError):
            ms.BinaryMask.load(path)
    path.write_bytes(content + b"x")
    with pytest.raises(FileFormatError):
        ms.BinaryMask.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip file, as torch.save writes", b"\x80\x02}q\x00.", b"{}" * 50, bytes(200)]
)
def test_foreign_bytes_are_an_error(tmp_path, content):
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(FileFormatError, match="not a maskscope tensor file"):
        ms.BinaryMask.load(tmp_path / "m")


def test_a_foreign_safetensors_file_is_an_error(tmp_path):
    import safetensors.torch

    safetensors.torch.save_file({"w": torch.ones(2)}, tmp_path / "m")
    with pytest.raises(FileFormatError, match="not a maskscope tensor file"):
        ms.BinaryMask.load(tmp_path / "m")
    write_tensors(tmp_path / "m", {"w": torch.ones(2)}, kind="weights", metadata={})
    with pytest.raises(FileFormatError, match="holds a 'weights'; a 'mask' was expected"):
        ms.BinaryMask.load(tmp_path / "m")
    with pytest.raises(FileFormatError, match="Cannot read .*: No such file"):
        ms.BinaryMask.load(tmp_path / "absent")


def _written(tmp_path, tensors, entries, version=1):
    metadata = {"version": version, "tensors": entries, "made_by": {}}
    (tmp_path / "m").write_bytes(pack_tensors(tensors, kind="mask", metadata=metadata))
    return tmp_path / "m"


def test_a_well_signed_file_with_wrong_content_is_an_error(tmp_path):
    entry = {"shape": [9], "dtype": None, "weights_sha256": None}
    good = torch.tensor([255, 1], dtype=torch.uint8)
    with pytest.raises(FileFormatError, match="padding bits"):
        ms.BinaryMask.load(_written(tmp_path, {"w": torch.tensor([255, 3], dtype=torch.uint8)}, {"w": entry}))
    with pytest.raises(FileFormatError, match=r"expected 2 bytes for shape \[9\]"):
        ms.BinaryMask.load(_written(tmp_path, {"w": good[:1]}, {"w": entry}))
    with pytest.raises(FileFormatError, match="tensors stored are not those"):
        ms.BinaryMask.load(_written(tmp_path, {"w": good}, {"v": entry}))
    with pytest.raises(FileFormatError, match="mask format 3; this version reads up to 2"):
        ms.BinaryMask.load(_written(tmp_path, {"w": good}, {"w": entry}, version=3))
    assert ms.BinaryMask.load(_written(tmp_path, {"w": good}, {"w": entry})).kept == 9


ENTRY = {"shape": [9], "dtype": None, "weights_sha256": None}
BITS = torch.tensor([255, 1], dtype=torch.uint8)


@pytest.mark.parametrize(
    "change",
    [
        {"version": None},
        {"version": True},
        {"version": 1.0},
        {"version": -1},
        {"version": [1]},
        {"tensors": None},
        {"tensors": []},
        {"tensors": {}},
        {"tensors": {"w": None}},
        {"tensors": {"w": [9]}},
        {"tensors": {"w": {}}},
        {"made_by": None},
        {"made_by": "me"},
        {"extra": 1},
        *({"tensors": {"w": {key: value for key, value in ENTRY.items() if key != lacking}}} for lacking in ENTRY),
        {"tensors": {"w": {**ENTRY, "more": 1}}},
        *({"tensors": {"w": {**ENTRY, "dtype": odd}}} for odd in (1, [], {}, True)),
        *({"tensors": {"w": {**ENTRY, "weights_sha256": odd}}} for odd in (1, [], {}, True)),
        *(
            {"tensors": {"w": {**ENTRY, "shape": odd}}}
            for odd in (
                *(None, 9, "9", {}, [9.0], ["9"], [True, 9], [None], [[9]], [-9], [-3, -3], [10**30], [2**62, 4], [2**40]),
                *([0, 2**62, 2**62], [1] * 65 + [9], [1, 8], []),
            )
        ),
    ],
    ids=str,
)
def test_a_well_signed_file_of_odd_form_can_only_fail(tmp_path, change):
    metadata = {"version": 1, "tensors": {"w": ENTRY}, "made_by": {}, **change}
    (tmp_path / "m").write_bytes(pack_tensors({"w": BITS}, kind="mask", metadata=metadata))
    with pytest.raises(FileFormatError):
        ms.BinaryMask.load(tmp_path / "m")


@pytest.mark.parametrize("packed", [BITS.float(), BITS.bool(), BITS.to(torch.int8), BITS.reshape(2, 1), BITS[:0], BITS.sum()])
def test_bits_of_odd_form_can_only_fail(tmp_path, packed):
    with pytest.raises(FileFormatError, match="expected 2 bytes"):
        ms.BinaryMask.load(_written(tmp_path, {"w": packed}, {"w": ENTRY}))


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    bits = torch.ones(2, dtype=torch.bool)
    deep: list[object] = []
    for _ in range(600):
        deep = [deep]
    for made_by in ({"a": float("nan")}, {"a": {1, 2}}, {"a": "\ud800"}, {"a": deep}):
        with pytest.raises(ConfigError, match="This mask cannot be written so that it could be read again"):
            ms.BinaryMask({"w": bits}, made_by=made_by).save(tmp_path / "m")
    for name in ("\ud800", "__metadata__"):
        with pytest.raises(ConfigError, match="cannot be written"):
            ms.BinaryMask({name: bits}).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_a_fold_over_many_masks_can_be_kept(tmp_path):
    masks = [ms.BinaryMask({"w": torch.ones(2, dtype=torch.bool)}, made_by={"seed": seed}) for seed in range(400)]
    functools.reduce(operator.or_, masks).save(tmp_path / "m")
    assert ms.BinaryMask.load(tmp_path / "m").made_by == {"or": [{"seed": seed} for seed in range(400)]}
    assert (masks[0] & masks[1] - masks[2]).made_by == {"and": [{"seed": 0}, {"minus": [{"seed": 1}, {"seed": 2}]}]}


def test_a_path_of_any_form(tmp_path, mask, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    mask.save("~/new/m.safetensors")
    assert ms.BinaryMask.load("~/new/m.safetensors") == mask
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    for path in (tmp_path / "new", f"{tmp_path}/new/", "~"):
        with pytest.raises(RunFolderError, match="it is a folder. Name a file"):
            mask.save(path)
        with pytest.raises(FileFormatError, match="it is a folder; a plain file was expected"):
            ms.BinaryMask.load(path)
    for path in ("", "a\0b", f"{tmp_path}/{'n' * 300}", "~nobody-of-this-name/m"):
        with pytest.raises(ConfigError, match="The path to save the mask to is"):
            mask.save(path)
        with pytest.raises(ConfigError, match="The path of the mask is"):
            ms.BinaryMask.load(path)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_named_pipe_is_neither_waited_for_nor_replaced(tmp_path, mask):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="it is a named pipe"):
        ms.BinaryMask.load(tmp_path / "pipe")
    with pytest.raises(RunFolderError, match="it is a pipe, a socket or a device"):
        mask.save(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_failed_write_leaves_the_old_file(tmp_path, mask, monkeypatch):
    path = tmp_path / "m.safetensors"
    mask.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunFolderError, match="disk is full"):
        (~mask).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def test_an_unwritable_folder_is_named(tmp_path, mask):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RunFolderError, match="Cannot write .*file"):
        mask.save(tmp_path / "file" / "m.safetensors")


def test_metadata_are_json_that_others_can_read(tmp_path, mask):
    from safetensors import safe_open

    mask.save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        header = json.loads(file.metadata()["maskscope"])
    assert header["kind"] == "mask"
    assert header["metadata"]["made_by"]["noise"]["seed"] == 7
    assert len(header["sha256"]) == 64
