"""Masked weights for other programs: what is loaded again computes what the masked network does."""

import shutil

import pytest
import safetensors.torch
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, FileFormatError, MaskMismatchError, RunFolderError
from maskscope.exchange import bake_files


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(6, 4), nn.Linear(4, 6, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, words):
        return self.head(self.embed(words))


@pytest.fixture
def tied():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Tied().to(torch.bfloat16)


WORDS = torch.arange(6)


def test_a_state_dict_that_loads(tmp_path, tied, mask_of):
    before, mask = tied.embed.weight.detach().clone(), mask_of(tied)
    file = ms.export(tied, mask, tmp_path / "new" / "baked.safetensors")
    again = Tied().to(torch.bfloat16)
    again.load_state_dict(safetensors.torch.load_file(file))
    assert again.head.weight is again.embed.weight
    assert again.embed.weight.dtype == torch.bfloat16
    assert torch.equal(again(WORDS), ms.call_masked(tied, mask, WORDS))
    assert torch.equal(tied.embed.weight, before)
    assert bake_files(~mask, file, tmp_path / "both.safetensors", check=False).names == ("embed.weight", "head.weight")


def test_another_network_and_what_is_there_are_refused(tmp_path, network, mask_of):
    mask, path = mask_of(network), tmp_path / "baked.safetensors"
    ms.export(network, mask, path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="There is a file"):
        ms.export(network, mask, path)
    with torch.no_grad():
        network[0].weight += 1
    with pytest.raises(MaskMismatchError, match=r"0.weight: same shape, but the weights have other values"):
        ms.export(network, mask, path, force=True)
    assert path.read_bytes() == before
    ms.export(network, mask, path, check=False, force=True)
    assert path.read_bytes() != before
    with pytest.raises(ConfigError, match=r"has no `save_pretrained`.*folder.safetensors"):
        ms.export(network, mask, tmp_path / "folder", check=False)


@pytest.fixture
def stored(tmp_path, network):
    safetensors.torch.save_file(network.state_dict(), tmp_path / "weights.safetensors", metadata={"format": "pt"})
    return tmp_path / "weights.safetensors"


@pytest.mark.parametrize("off", [ms.Off(), ms.Off("mean"), ms.Off("drawn", 3)], ids=lambda off: off.kind)
def test_a_file_is_baked_as_the_network_is(tmp_path, network, mask_of, stored, off):
    mask = mask_of(network, exclude=["*bias"]).with_off(off)
    made = bake_files(mask, stored, tmp_path / "baked.safetensors")
    assert made.names == ("0.weight", "2.weight")
    found, expected = safetensors.torch.load_file(made.where), ms.bake(network, mask).state_dict()
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    with safetensors.safe_open(made.where, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_off_values_of_another_network(tmp_path, network, mask_of, stored):
    other = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    safetensors.torch.save_file(other, tmp_path / "other.safetensors")
    mask = mask_of(network).with_off(ms.Off.other(other))
    mask.save(tmp_path / "mask.safetensors")
    loaded = ms.BinaryMask.load(tmp_path / "mask.safetensors")
    with pytest.raises(MaskMismatchError, match="values of another state dict"):
        bake_files(loaded, stored, tmp_path / "baked.safetensors")
    assert not (tmp_path / "baked.safetensors").exists()
    made = bake_files(loaded, stored, tmp_path / "baked.safetensors", off_weights=tmp_path / "other.safetensors")
    found = safetensors.torch.load_file(made.where)
    assert all(torch.equal(found[name], tensor) for name, tensor in ms.bake(network, mask).state_dict().items())
    with pytest.raises(MaskMismatchError, match="Not the state dict that the mask was found with"):
        bake_files(loaded, stored, tmp_path / "again.safetensors", off_weights=stored)


def test_a_prefix_more_or_less_is_found(tmp_path, network, mask_of):
    whole = {f"model.{name}": tensor for name, tensor in network.state_dict().items()} | {"extra": torch.ones(1)}
    safetensors.torch.save_file(whole, tmp_path / "whole.safetensors")
    mask = mask_of(network)
    made = bake_files(mask, tmp_path / "whole.safetensors", tmp_path / "baked.safetensors")
    expected = ms.bake(network, mask).state_dict()
    found = safetensors.torch.load_file(made.where)
    assert all(torch.equal(found[f"model.{name}"], tensor) for name, tensor in expected.items())
    longer = ms.BinaryMask(
        {f"model.{name}": bits for name, bits in mask.items()}, {f"model.{name}": one for name, one in mask.weights.items()}
    )
    safetensors.torch.save_file(network.state_dict(), tmp_path / "plain.safetensors")
    found = safetensors.torch.load_file(bake_files(longer, tmp_path / "plain.safetensors", tmp_path / "b.safetensors").where)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_every_difference_is_named(tmp_path, network, mask_of, stored):
    state = network.state_dict()
    state["0.weight"] = state["0.weight"] + 1
    state["2.weight"] = state["2.weight"].half()
    state["2.bias"] = torch.zeros(3)
    del state["0.bias"]
    safetensors.torch.save_file(state, stored)
    with pytest.raises(MaskMismatchError) as error:
        bake_files(mask_of(network), stored, tmp_path / "baked.safetensors")
    for words in (
        "0.weight: 0.weight has other values",
        "2.weight: the mask was found on float32, 2.weight is float16",
        "2.bias: the mask has shape [2], 2.bias has [3]",
        "0.bias: there is no such tensor",
    ):
        assert words in str(error.value)
    assert not (tmp_path / "baked.safetensors").exists()
    some = mask_of(network, include=["*weight"])
    found = safetensors.torch.load_file(bake_files(some, stored, tmp_path / "baked.safetensors", check=False).where)
    assert found["2.weight"].dtype == torch.float16
    assert torch.equal(found["2.weight"] != 0, some["2.weight"])


def test_a_tied_weight_under_one_name_or_all(tmp_path, tied, mask_of):
    mask = mask_of(tied)
    expected = ms.bake(tied, mask).embed.weight
    one, both, noted = (tmp_path / f"{name}.safetensors" for name in ("one", "both", "noted"))
    safetensors.torch.save_file({"head.weight": tied.head.weight.detach()}, one)
    assert bake_files(mask, one, tmp_path / "baked.safetensors").names == ("head.weight",)
    assert torch.equal(safetensors.torch.load_file(tmp_path / "baked.safetensors")["head.weight"], expected)
    safetensors.torch.save_file({name: tensor.clone() for name, tensor in tied.state_dict().items()}, both)
    with pytest.raises(MaskMismatchError, match=r"head.weight holds the values of embed.weight[\s\S]*--copies mask"):
        bake_files(mask, both, tmp_path / "no.safetensors")
    for copies, head in (("mask", expected), ("keep", tied.head.weight)):
        made = bake_files(mask, both, tmp_path / f"{copies}.safetensors", copies=copies)
        found = safetensors.torch.load_file(made.where)
        assert torch.equal(found["embed.weight"], expected)
        assert torch.equal(found["head.weight"], head)
    safetensors.torch.save_model(tied, str(noted))
    found = safetensors.torch.load_file(bake_files(mask, noted, tmp_path / "n.safetensors").where)
    assert [torch.equal(tensor, expected) for tensor in found.values()] == [True]


def test_files_that_hold_no_weights(tmp_path, network, mask_of):
    mask, out = mask_of(network), tmp_path / "out"
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    with pytest.raises(FileFormatError, match="is no safetensors file"):
        bake_files(mask, tmp_path / "bad.safetensors", out)
    with pytest.raises(FileFormatError, match="There is no file"):
        bake_files(mask, tmp_path / "missing.safetensors", out)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "pytorch_model.bin").touch()
    with pytest.raises(FileFormatError, match=r"found: pytorch_model.bin. Weights are read from safetensors only"):
        bake_files(mask, tmp_path / "folder", out)
    (tmp_path / "folder" / "model.safetensors.index.json").write_text('{"weight_map": {"0.weight": "../w.safetensors"}}')
    with pytest.raises(FileFormatError, match="does not say which files"):
        bake_files(mask, tmp_path / "folder", out)
    assert not out.exists()


class WithFolder(nn.Linear):
    """A network that writes a folder of its own."""

    def save_pretrained(self, folder):
        safetensors.torch.save_file(self.state_dict(), folder / "model.safetensors")
        (folder / "config.json").write_text("{}")
        if self.in_features == 4:
            raise OSError(28, "No space left on device")


def test_the_network_writes_its_folder_itself_whole_or_not_at_all(tmp_path, mask_of):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network, failing = WithFolder(3, 2), WithFolder(4, 2)
    folder = ms.export(network, mask_of(network), tmp_path / "exported")
    made = bake_files(mask_of(network), ms.export(network, ~ms.BinaryMask({}), tmp_path / "plain"), tmp_path / "baked")
    for place in (folder, made.where):
        found = safetensors.torch.load_file(place / "model.safetensors")
        assert torch.equal(found["weight"], ms.bake(network, mask_of(network)).weight)
        assert (place / "config.json").exists()
    with pytest.raises(RunFolderError, match="The disk is full"):
        ms.export(failing, mask_of(failing), tmp_path / "failed")
    with pytest.raises(ConfigError, match="folders are not replaced"):
        bake_files(mask_of(network), folder, made.where, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["baked", "exported", "plain"]


def test_a_pretrained_folder_with_tied_weights(tmp_path, mask_of):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=11, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = transformers.GPT2LMHeadModel(config).to(torch.bfloat16).eval()
    mask = mask_of(network)
    ids = torch.arange(6)[None]
    expected = ms.call_masked(network, mask, ids).logits
    folder = ms.export(network, mask, tmp_path / "exported")
    network.save_pretrained(tmp_path / "plain", max_shard_size="1KB")
    (tmp_path / "plain" / "pytorch_model.bin").touch()
    (tmp_path / "plain" / "more").mkdir()
    (tmp_path / "plain" / "more" / "words.txt").write_text("kept")
    made = bake_files(mask, tmp_path / "plain", tmp_path / "baked")
    assert len(list(made.where.glob("*.safetensors"))) > 1
    assert made.left_out == ("pytorch_model.bin",)
    assert (made.where / "more" / "words.txt").read_text() == "kept"
    for place in (folder, made.where):
        again = transformers.GPT2LMHeadModel.from_pretrained(place).eval()
        assert again.dtype == torch.bfloat16
        assert again.lm_head.weight is again.transformer.wte.weight
        assert torch.equal(again(ids).logits, expected)
    body = mask_of(network.transformer)
    shutil.rmtree(made.where)
    bake_files(body, tmp_path / "plain", made.where)
    again = transformers.GPT2LMHeadModel.from_pretrained(made.where).eval()
    assert torch.equal(again.transformer(ids)[0], ms.call_masked(network.transformer, body, ids)[0])
