"""Which masks an atlas takes, what it calls them, and what it says of those that it cannot show."""

import json
import re
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.atlases import masks_of_files, masks_of_seed, named, named_masks, of_run, write_atlas, write_run_atlas
from maskscope.cli.main import main
from maskscope.errors import (
    ConfigError,
    FileFormatError,
    MaskMismatchError,
    MissingExtraError,
    RunFolderError,
    UnknownNameError,
)
from tests.atlases.made import atlas_masks, random_mask, run_folder

SMALL = {"a.weight": (3, 4), "b.weight": (2, 3)}


def titles(shown):
    return [one.title for one in shown.masks]


def content_of(path):
    return json.loads(re.search(r'id="content">(.*?)</script>', path.read_text()).group(1))


def test_a_run_is_read_without_its_study(tmp_path):
    folder = run_folder(tmp_path)
    shown = masks_of_seed(folder)
    assert titles(shown) == ["add", "mul", "add, repeat 1", "all"]
    assert "seed 0" in shown.about[0]
    assert "--seed 2" in shown.about[0]
    second = masks_of_seed(folder, 2)
    assert second.weights["layer.weight"].unique().tolist() == [2.0]
    assert second.masks[0].mask == random_mask(21, 0.5, {"layer.weight": (4, 6)})


def test_what_a_run_writes_beside_its_page(tmp_path, monkeypatch):
    assert write_run_atlas(tmp_path) is None
    folder = run_folder(tmp_path)
    written = write_run_atlas(folder)
    assert (written.masks, written.weights, written.values) == (4, 24, True)
    assert 'href="report.html"' in written.path.read_text()
    monkeypatch.setattr(of_run, "MOST_BITS_UNASKED", 95)
    assert write_run_atlas(folder) is None
    monkeypatch.undo()
    (folder / "artefacts" / "seed-0-mask-mul-0-0123456789ab" / "mask.safetensors").write_bytes(b"torn")
    assert write_run_atlas(folder) is None
    with pytest.raises(FileFormatError, match="mask.safetensors"):
        masks_of_seed(folder)


def test_the_command_line(tmp_path, capsys):
    folder, out = run_folder(tmp_path / "run"), tmp_path / "new" / "atlas.html"
    main(["atlas", str(folder), "--seed", "2", "--out", str(out), "--weights", "no"])
    assert "4 masks over 24 weights" in capsys.readouterr().out
    assert content_of(out)["values"] is False
    assert "report.html" not in out.read_text()
    (folder / "report.html").write_text("the page")
    main(["atlas", str(folder), "--out", str(folder / "atlas.html")])
    assert 'href="report.html"' in (folder / "atlas.html").read_text()
    files = sorted(str(file) for file in folder.glob("artefacts/seed-0-*/mask.safetensors"))
    capsys.readouterr()
    main(["atlas", *files, "--out", str(out), "--json"])
    assert json.loads(capsys.readouterr().out)["masks"] == 4
    assert content_of(out)["masks"][0]["title"] == "seed-0-mask-add-0-0123456789ab"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "takes the folder of a run, or mask files"),
        (["."], "has no masks: expected the folder of a run"),
        (["run", "--seed", "1"], "no finished network of seed 1. Finished: 0, 2"),
        (["run", "a.safetensors"], "run is a folder"),
        (["a.safetensors", "a.safetensors"], "more than once"),
        (["a.safetensors", "--seed", "0"], "--seed chooses a network of a run"),
        (["a.safetensors", "--weights", "yes"], "The values of the weights are not known"),
        (["a.safetensors", "b.safetensors"], "a.weight: shape [3, 4] in a, [4, 3] in b"),
        (["a.safetensors", "--only", "c.*"], "There is no masked tensor like 'c.*'"),
        (["a.safetensors", "--out", "notes.html"], "it is not an atlas"),
        (["a.safetensors", "--out", "run"], "is no file, and the atlas is one"),
    ],
)
def test_faults_are_said_and_nothing_is_written(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    run_folder(tmp_path / "run")
    random_mask(0, 0.5, SMALL).save("a.safetensors")
    random_mask(0, 0.5, {"a.weight": (4, 3), "b.weight": (2, 3)}).save("b.safetensors")
    (tmp_path / "notes.html").write_text("my notes")
    if words == ["."]:
        (tmp_path / "empty").mkdir()
        words = ["empty"]
    with pytest.raises(SystemExit) as ended:
        main(["atlas", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "atlas.html").exists()
    assert (tmp_path / "notes.html").read_text() == "my notes"


def test_masks_of_files_are_named_by_the_files_and_repeats_belong_together(tmp_path):
    files = []
    for name, function, repeat in (("first", "add", 0), ("other", "mul", 0), ("second", "add", 1)):
        files.append(tmp_path / f"{name}.safetensors")
        random_mask(repeat, 0.5, SMALL, noise={"mask": function, "repeat": repeat, "seed": 5}).save(files[-1])
    assert titles(masks_of_files(files)) == ["add", "other", "add, repeat 1"]
    assert titles(masks_of_files(files[:1])) == ["first"]
    twins = [tmp_path / folder / "mask.safetensors" for folder in ("x", "y")]
    for file in twins:
        random_mask(0, 0.5, SMALL).save(file)
    assert titles(masks_of_files(twins)) == ["x", "y"]
    deeper = tmp_path / "z" / "x" / "mask.safetensors"
    random_mask(0, 0.5, SMALL).save(deeper)
    assert titles(masks_of_files([twins[0], deeper])) == [str(twins[0]), str(deeper)]


def test_from_python_with_the_network(tmp_path):
    network = nn.Linear(6, 4)
    mask = ms.BinaryMask({"weight": torch.rand(4, 6) > 0.5})
    written = ms.atlas({"add": (mask, ~mask), "mul": mask}, tmp_path / "atlas.html", network=network, title="Mine")
    assert (written.masks, written.values) == (3, True)
    assert [one["title"] for one in content_of(written.path)["masks"]] == ["add", "add, repeat 1", "mul"]
    assert not ms.atlas({"add": mask}, written.path, network=network, weights="no").values
    with pytest.raises(MaskMismatchError, match="shape"):
        ms.atlas({"add": mask}, written.path, network=nn.Linear(4, 6))
    with pytest.raises(ConfigError, match="at least one mask"):
        ms.atlas({}, written.path)
    with pytest.raises(UnknownNameError):
        ms.atlas({"add": mask}, written.path, only=["bias"])


def test_units_are_said_and_counted_as_weights():
    selection = ms.select(nn.Linear(6, 4), units="row", exclude=["*bias"])
    logits = ms.MaskLogits(selection, torch.tensor([1.0, -1, 1, -1]))
    shown = named_masks({"rows": ms.BinaryMask.from_logits(logits), "weights": random_mask(0, 0.5, {"weight": (4, 6)})})
    assert shown.about == ("These masks keep or remove whole units (row); here, single weights are counted.",)


def test_some_tensors_only():
    part = atlas_masks().only(["*.weight"]).only(["layer.*", "conv.*"])
    assert list(part.shapes) == ["layer.weight", "conv.weight"]
    assert part.about[-1] == "2 of 4 tensors were left out."


def test_what_no_browser_could_show_is_refused_before_it_is_written(tmp_path, monkeypatch):
    shown = atlas_masks()
    for limit, words in (("MOST_BITS", "5 masks over"), ("MOST_IN_A_TENSOR", "far.weight has 540,000 weights")):
        monkeypatch.setattr(named, limit, 500_000)
        with pytest.raises(ConfigError, match=f"{words}(.|\n)*--only 'far.*'"):
            write_atlas(shown, tmp_path / "atlas.html")
        monkeypatch.undo()
    assert not (tmp_path / "atlas.html").exists()


def test_without_jinja(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match="An atlas needs the package 'jinja2'"):
        ms.atlas({"add": random_mask(0, 0.5, SMALL)}, tmp_path / "atlas.html")


def test_names_that_are_not_told_apart():
    shown = atlas_masks()
    with pytest.raises(ConfigError, match="found more than once: add"):
        replace(shown, masks=(shown.masks[0], shown.masks[0]))


def test_no_folder_is_a_run():
    with pytest.raises(RunFolderError, match="has no masks"):
        masks_of_seed(of_run.Path("nowhere"))
