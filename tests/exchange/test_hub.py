"""Masks on the Hub: tested against folders that stand in for its repositories, with its own calls."""

import json
import shutil

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, FileFormatError, HubError, MaskMismatchError

huggingface_hub = pytest.importorskip("huggingface_hub")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BASE = {"base_model": "someone/network", "base_revision": COMMIT, "license": "apache-2.0"}


@pytest.fixture
def repositories(tmp_path, monkeypatch):
    """A folder of repositories; the calls of `huggingface_hub` copy from it and to it."""
    root = tmp_path / "hub"

    def create_repo(repo_id, *, exist_ok, private, token):
        assert exist_ok
        (root / repo_id).mkdir(parents=True, exist_ok=True)
        return f"https://huggingface.co/{repo_id}"

    def list_repo_files(repo_id, *, token):
        return [str(path.relative_to(root / repo_id)) for path in (root / repo_id).rglob("*") if path.is_file()]

    def upload_folder(*, repo_id, folder_path, commit_message, delete_patterns, token):
        for pattern in delete_patterns:
            for path in (root / repo_id).glob(pattern):
                path.unlink()
        shutil.copytree(folder_path, root / repo_id, dirs_exist_ok=True)

    def snapshot_download(repo_id, *, allow_patterns, token, revision=None):
        if not (root / repo_id).is_dir():
            raise OSError(f"404 Client Error: Repository Not Found for {repo_id}")
        copy = tmp_path / "cache" / repo_id
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        for path in (path for pattern in allow_patterns for path in (root / repo_id).glob(pattern)):
            (copy / path.relative_to(root / repo_id)).parent.mkdir(exist_ok=True)
            shutil.copy(path, copy / path.relative_to(root / repo_id))
        return str(copy)

    for call in (create_repo, list_repo_files, upload_folder, snapshot_download):
        monkeypatch.setattr(huggingface_hub, call.__name__, call)
    return root


def test_one_mask_up_and_down(repositories, network, mask_of):
    mask = mask_of(network)
    assert ms.push_to_hub(mask, "me/add", **BASE) == "https://huggingface.co/me/add"
    assert sorted(path.name for path in (repositories / "me/add").iterdir()) == ["README.md", "config.json", "mask.safetensors"]
    found = ms.from_hub("me/add", network)
    assert found == mask
    assert found.weights == mask.weights
    assert found.made_by == mask.made_by
    assert ms.masks_from_hub("me/add", network) == {"mask": mask}


def test_the_masks_of_a_study_up_and_down(repositories, network, mask_of):
    masks = {name: mask_of(network, name, seed) for seed, name in enumerate(["add", "multiply by 2"])}
    ms.push_to_hub(masks, "me/study", **BASE)
    assert ms.masks_from_hub("me/study", network) == masks
    assert ms.from_hub("me/study", network, name="multiply by 2") == masks["multiply by 2"]
    with pytest.raises(HubError, match=r"several masks: add, multiply by 2. Give one as name="):
        ms.from_hub("me/study", network)
    with pytest.raises(HubError, match="no mask 'sub'; it has add, multiply by 2"):
        ms.from_hub("me/study", network, name="sub")
    ms.push_to_hub({"add": masks["add"]}, "me/study", **BASE)
    assert [path.name for path in (repositories / "me/study/masks").iterdir()] == ["add.safetensors"]


def test_card_and_config_say_of_which_network(tmp_path, network, mask_of):
    masks = {"add": mask_of(network, "add | b"), "mul": mask_of(network, "mul", 1)}
    folder = ms.hub_folder(masks, tmp_path / "folder", repo_id="me/study", **BASE)
    card = huggingface_hub.ModelCard((folder / "README.md").read_text())
    told = (card.data.library_name, card.data.base_model, card.data.license)
    assert told == ("maskscope", "someone/network", "apache-2.0")
    config = json.loads((folder / "config.json").read_text())
    assert (config["base_model"], config["base_revision"]) == ("someone/network", COMMIT)
    assert config["masks"]["add"]["file"] == "masks/add.safetensors"
    for words in (COMMIT, config["weights_sha256"], r"add \| b (seed 0, repeat 0)"):
        assert words in card.content
    code = card.content.split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) == 5
    assert 'ms.from_hub("me/study", network, name="add")' in code
    compile(code, "card", "exec")
    assert ms.masks_in_folder(folder, network) == masks


def test_another_network_or_revision_is_named(repositories, network, mask_of):
    ms.push_to_hub(mask_of(network), "me/add", **BASE)
    with torch.no_grad():
        network[0].weight[0, 0] += 1
    network.config = type("Config", (), {"_commit_hash": "f" * 40})()
    with pytest.raises(MaskMismatchError) as error:
        ms.from_hub("me/add", network)
    for words in (COMMIT, "someone/network", "loaded from revision " + "f" * 40, "0.weight: same shape, but", "Load 'someone"):
        assert words in str(error.value)


def test_without_digests_the_revision_is_compared(repositories, network, mask_of):
    ms.push_to_hub(ms.BinaryMask(dict(mask_of(network))), "me/add", **BASE)
    assert ms.from_hub("me/add", network).weights == {}
    network.config = type("Config", (), {"_commit_hash": "f" * 40})()
    with pytest.raises(MaskMismatchError, match=f"someone/network at revision {COMMIT}"):
        ms.from_hub("me/add", network)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "it has no config.json"),
        ('{"model_type": "bert"}', "a model of type 'bert'"),
        ('{"library_name": "maskscope", "format": 2}', "Update maskscope"),
        ('{"library_name": "maskscope", "format": 1}', "does not say which masks"),
        ("no json", "is no JSON"),
        ("[]", "something else"),
    ],
)
def test_a_repository_that_holds_no_masks(repositories, network, config, message):
    (repositories / "me/other").mkdir(parents=True)
    (repositories / "me/other/model.safetensors").write_bytes(b"weights")
    if config is not None:
        (repositories / "me/other/config.json").write_text(config)
    with pytest.raises(HubError, match=message):
        ms.from_hub("me/other", network)
    assert not (repositories.parent / "cache/me/other/model.safetensors").exists(), "what is no mask was downloaded"


@pytest.mark.parametrize("file", ["../mask.safetensors", "/etc/passwd", "masks/other.safetensors", 3])
def test_a_config_cannot_lead_out_of_its_folder(tmp_path, network, mask_of, file):
    folder = ms.hub_folder({"add": mask_of(network)}, tmp_path / "folder", **BASE)
    config = json.loads((folder / "config.json").read_text())
    config["masks"]["add"]["file"] = file
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(HubError, match="does not say which masks"):
        ms.masks_in_folder(folder)


def test_a_push_keeps_what_is_not_a_mask(repositories, network, mask_of):
    model = repositories / "me/model"
    model.mkdir(parents=True)
    (model / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(HubError, match="a model of type 'gpt2'"):
        ms.push_to_hub(mask_of(network), "me/model", **BASE)
    assert [path.name for path in model.iterdir()] == ["config.json"]
    (model / "config.json").rename(model / "model.safetensors")
    with pytest.raises(HubError, match=r"other than masks: model.safetensors"):
        ms.push_to_hub(mask_of(network), "me/model", **BASE)


def test_what_the_hub_says_is_said(repositories, network):
    with pytest.raises(HubError, match="Repository Not Found"):
        ms.from_hub("me/nothing", network)


def test_truncated_and_mixed_up_files(tmp_path, network, mask_of):
    folder = ms.hub_folder({"add": mask_of(network)}, tmp_path / "folder", **BASE)
    whole = (folder / "masks/add.safetensors").read_bytes()
    (folder / "masks/add.safetensors").write_bytes(whole[:-3])
    with pytest.raises(FileFormatError, match="cut short"):
        ms.masks_in_folder(folder)
    mask_of(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))).save(folder / "masks/add.safetensors")
    with pytest.raises(MaskMismatchError, match="files were mixed up"):
        ms.masks_in_folder(folder)
    (folder / "masks/add.safetensors").unlink()
    with pytest.raises(FileFormatError, match="No such file"):
        ms.masks_in_folder(folder)


def test_refused_before_anything_is_written(tmp_path, network, mask_of):
    mask, folder = mask_of(network), tmp_path / "folder"
    with pytest.raises(ConfigError, match="a commit of 40 hexadecimal digits"):
        ms.hub_folder(mask, folder, base_model="a/b", base_revision="main")
    with pytest.raises(ConfigError, match="belong together"):
        ms.hub_folder(mask, folder, base_model="a/b")
    for names in (["../up"], ["a/b"], ["Add", "add"], ["add."], []):
        with pytest.raises(ConfigError, match="become names of files"):
            ms.hub_folder(dict.fromkeys(names, mask), folder)
    other = mask_of(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)))
    with pytest.raises(MaskMismatchError, match="mine and theirs were found on other values"):
        ms.hub_folder({"mine": mask, "theirs": other}, folder)
    assert not folder.exists()
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ConfigError, match="folders are not replaced"):
        ms.hub_folder(mask, tmp_path)


def test_without_the_package_the_extra_is_named(monkeypatch, tmp_path, network, mask_of):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ms.MaskscopeError, match=r"pip install 'maskscope\[hub\]'"):
        ms.hub_folder(mask_of(network), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
