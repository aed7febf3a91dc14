"""Mask files: what is read is what was written, and anything else is an error, never garbage."""

import json

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import FileFormatError, MaskMismatchError, RunFolderError
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
    with pytest.raises(FileFormatError, match="mask format 2; this version reads 1"):
        ms.BinaryMask.load(_written(tmp_path, {"w": good}, {"w": entry}, version=2))
    assert ms.BinaryMask.load(_written(tmp_path, {"w": good}, {"w": entry})).kept == 9


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
