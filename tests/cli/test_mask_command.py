"""``maskscope mask``: what is printed and written, and that a fault leaves everything as it was."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

import maskscope as ms
from maskscope.cli.main import main


def status(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["mask", *map(str, words)])
    return ended.value.code


def read(capsys, *words: object):
    main(["mask", *map(str, words), "--json"])
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))


def mask_of(network, name, bits, **selection):
    chosen = ms.select(network, exclude=["*bias"], **selection)
    made_by = {
        "noise": {"seed": 0, "mask": name, "repeat": 0},
        "config": {"steps": 10, "estimator": name},
        "judgement": {"x": name},
    }
    return ms.BinaryMask.from_logits(ms.MaskLogits(chosen, torch.tensor(bits) - 0.5), chosen.of(network), made_by)


@pytest.fixture
def files(tmp_path, network, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add, mul = [1.0] * 15 + [0.0] * 10, [1.0] * 5 + [0.0] * 20
    masks = {"add": mask_of(network, "add", add), "mul": mask_of(network, "mul", mul)}
    for name, mask in masks.items():
        mask.save(f"{name}.safetensors")
    mask_of(network, "rows", [1.0, 0, 0, 0, 0, 0, 1.0], units="row").save("rows.safetensors")
    masks["mul"].with_off(ms.Off("drawn", 3)).save("drawn.safetensors")
    mask_of(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), "add", add).save("same shapes.safetensors")
    ms.BinaryMask({"weight": torch.ones(2, dtype=torch.bool)}).save("other.safetensors")
    return masks


def test_info(files, capsys):
    main(["mask", "info", "add.safetensors", "drawn.safetensors"])
    shown = capsys.readouterr().out
    for words in (
        "found for add (seed 0, repeat 0)",
        "weights   float32, with digests",
        "config.steps = 10",
        "off       drawn, seed 3",
        "0.weight         15    15  1.0000",
    ):
        assert words in shown
    (found,) = read(capsys, "info", "rows.safetensors")
    assert (found["units"], found["kept"], found["count"], found["weights_kept"], found["weights"]) == ("row", 2, 7, 8, 25)
    assert found["tensors"]["2.weight"] == {"kept": 1, "count": 2, "density": 0.5}
    assert found["settings"]["config.steps"] == 10
    assert "judgement.x" not in found["settings"]


@pytest.mark.parametrize(("action", "kept"), [("and", 5), ("or", 15), ("minus", 10)])
def test_set_operations(files, capsys, action, kept):
    made = read(capsys, action, "add.safetensors", "mul.safetensors", "--out", "new/made.safetensors")
    assert made["kept"] == kept
    main(["mask", "not", "new/made.safetensors", "--out", "rest.safetensors"])
    assert f"{25 - kept} of 25" in capsys.readouterr().out
    found = ms.BinaryMask.load("rest.safetensors")
    assert found.kept == 25 - kept
    assert found.made_by["not"][action] == [files["add"].made_by, files["mul"].made_by]
    assert found.weights == files["add"].weights
    main(["mask", "info", "rest.safetensors"])
    assert f"not (add (seed 0, repeat 0) {action} mul (seed 0, repeat 0))" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("and", "add", "other"), "0.weight: in add.safetensors, not in other.safetensors"),
        (("and", "add", "same shapes"), "0.weight: add.safetensors was found on weights"),
        (("or", "add", "rows"), "add.safetensors is over 25 units (weight), rows.safetensors over 7 units (row)"),
        (("minus", "add", "drawn"), "weights that are off are zero in add.safetensors, drawn in drawn.safetensors"),
        (("and", "add", "missing"), "Cannot read missing.safetensors: No such file"),
        (("and", "add", "weights"), "written by another program"),
        (("and", "add"), "takes at least 2 mask file(s); found 1"),
        (("not", "add", "mul"), "takes 1 mask file(s); found 2"),
        (("and", "add", "add"), "add.safetensors more than once"),
    ],
)
def test_a_fault_is_said_and_nothing_is_written(files, capsys, network, words, said):
    safetensors.torch.save_file(network.state_dict(), "weights.safetensors")
    action, *names = words
    assert status(action, *(f"{name}.safetensors" for name in names), "--out", "out.safetensors") == 2
    assert said in capsys.readouterr().err
    assert not Path("out.safetensors").exists()


def test_other_units_by_weight_and_files_that_are_there(files, capsys, tmp_path):
    before = (tmp_path / "mul.safetensors").read_bytes()
    words = ("or", "add.safetensors", "rows.safetensors", "--by-weight", "--out", "mul.safetensors")
    assert status(*words) == 2
    assert "There is a file mul.safetensors already" in capsys.readouterr().err
    assert (tmp_path / "mul.safetensors").read_bytes() == before
    assert read(capsys, *words, "--force")["kept"] == 20


def test_overlap(files, capsys):
    (found,) = read(capsys, "overlap", "add.safetensors", "mul.safetensors")
    assert found["both"] == 5
    assert found["IoU"]["found"] == pytest.approx(5 / 15)
    assert found["IoMin"]["found"] == 1
    # all weights of one tensor are kept by the first mask, so chance has them all in common too
    assert found["Dice"] == {"found": 0.5, "chance": 0.5}
    (~files["add"]).save("not.safetensors")
    names = [f"{name}.safetensors" for name in ("add", "mul", "not")]
    assert [one["both"] for one in read(capsys, "overlap", *names)] == [5, 0, 0]
    main(["mask", "overlap", "add.safetensors", "mul.safetensors"])
    assert "0.3333" in capsys.readouterr().out
    assert status("overlap", "add.safetensors", "same shapes.safetensors") == 2


def test_diff(files, capsys):
    found = read(capsys, "diff", "add.safetensors", "mul.safetensors")
    assert found["tensors"] == [{"name": "0.weight", "shapes": [[5, 3], [5, 3]], "only_first": 10, "only_second": 0}]
    assert {one["name"] for one in found["settings"]} == {"noise.mask", "config.estimator"}
    other = read(capsys, "diff", "add.safetensors", "same shapes.safetensors")
    assert (other["tensors"], other["other_weights"], other["same"]) == ([], ["0.weight", "2.weight"], False)
    assert read(capsys, "diff", "mul.safetensors", "drawn.safetensors")["off"] == ["zero", "drawn, seed 3"]
    main(["mask", "diff", "add.safetensors", "other.safetensors"])
    assert "not there" in capsys.readouterr().out
    files["add"].save("copy.safetensors")
    main(["mask", "diff", "add.safetensors", "copy.safetensors"])
    assert "are the same mask" in capsys.readouterr().out


def test_bake(files, capsys, network):
    safetensors.torch.save_file(network.state_dict(), "weights.safetensors")
    made = read(capsys, "bake", "add.safetensors", "--weights", "weights.safetensors", "--out", "baked.safetensors")
    assert made["masked"] == ["0.weight", "2.weight"]
    found = safetensors.torch.load_file("baked.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in ms.bake(network, files["add"]).state_dict().items())
    words = ("--weights", "weights.safetensors", "--out", "more.safetensors")
    assert status("bake", "same shapes.safetensors", *words) == 2
    assert "0.weight has other values" in capsys.readouterr().err
    main(["mask", "bake", "same shapes.safetensors", *words, "--unchecked"])
    assert "2 tensors under the mask" in capsys.readouterr().out


def test_help_and_unknown_actions(capsys):
    assert status("--help") == 0
    assert "overlap" in capsys.readouterr().out
    assert status("andd") == 2
    assert "Did you mean 'and'" in capsys.readouterr().err
