"""A whole study, small: everything is made once, and exactly what depends on a change is made again."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import filelock
import pytest
import torch

from maskscope.engine.address import study_at
from maskscope.engine.job import Job
from maskscope.engine.plan import make_plan
from maskscope.engine.records.file import begun, load_record
from maskscope.engine.run import run_study
from maskscope.engine.spec import to_json
from maskscope.errors import ConfigError, FileFormatError, RunFolderError
from maskscope.masks import BinaryMask
from maskscope.storage.atomic import unfinished_name
from tests.engine.small_run import CONTROL, EACH, SPEC, STUDY, artefact, names, run, run_and_hear, without_times


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder, *run(folder)


@pytest.fixture
def folder(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    return tmp_path / "run"


def test_everything_is_made_once(finished):
    folder, record, made = finished
    assert made == names(0)
    assert run(folder)[1] == []
    assert list((folder / "checkpoints").iterdir()) == []
    assert without_times(load_record(folder)) == without_times(record)


def test_the_record_holds_what_it_should(finished):
    record = finished[1]
    trained, untrained = record.networks
    assert (trained.variant, untrained.variant) == ("trained", "untrained")
    assert [(m.function, m.repeat) for m in trained.masks] == [("all", 0), ("add", 0), ("mul", 0), ("add", 1), ("mul", 1)]
    assert [(m.function, m.repeat) for m in untrained.masks] == [("add", 0), ("mul", 0)]
    assert len(trained.pairs) == 6
    assert len(untrained.pairs) == 1
    assert [half.early for half in trained.half_masks] == [("layers.0.weight",)]
    assert untrained.half_masks == ()
    for network in record.networks:
        for mask in network.masks:
            assert sum(mask.histogram) == 22 * 8 + 8 * 10
            assert len(mask.random_removed) == 2
            assert set(mask.sufficiency.accuracy) == {"add", "mul"}
    assert record.quantity("dice", "add, mul").summary.n == 1
    assert record.quantity("dice", "add, add") is not None
    assert record.quantity("sufficiency", "add", "add", variant="untrained") is not None
    assert len(record.verdicts) == len(STUDY.claims)
    assert {"network", "mask", "analysis"} <= set(record.provenance.seconds)


def test_masks_of_two_functions_and_repeats_share_no_noise(finished):
    noises = [BinaryMask.load(path / "mask.safetensors").made_by["noise"] for path in (finished[0] / "artefacts").glob("*mask*")]
    assert len(noises) == 7
    assert len({json.dumps(noise) for noise in noises}) == 7


def test_further_seeds_extend_a_run(folder):
    record, made = run(folder, seeds=(0, 1))
    assert made == names(1)
    assert record.seeds == (0, 1)
    assert record.quantity("accuracy", "", "add").summary.n == 2


@pytest.mark.parametrize(
    ("deleted", "remade"),
    [
        ("mask-mul-1", ["mask-mul-1", "analysis"]),
        ("analysis-untrained", ["analysis-untrained"]),
        ("network-untrained", CONTROL),
        ("network", EACH),
    ],
)
def test_what_depends_on_a_deleted_artefact_is_made_again(folder, finished, deleted, remade):
    shutil.rmtree(artefact(folder, f"seed-0-{deleted}"))
    record, made = run(folder)
    assert made == [f"seed-0-{name}" for name in remade]
    assert without_times(record) == without_times(finished[1])


def test_other_settings_redo_only_what_they_touch(folder):
    assert run(folder, spec=replace(SPEC, random_draws=3))[1] == ["seed-0-analysis", "seed-0-analysis-untrained"]
    other = replace(SPEC, mask=replace(SPEC.mask, beta=1e-3))
    assert run(folder, spec=other)[1] == [name for name in names(0) if "network" not in name]
    assert run(folder)[1] == []


def test_a_run_that_was_killed_before_its_record_says_with_what_it_was_begun(tmp_path):
    """Whoever begins it again with other settings is told which these are, although there is no record yet."""

    def kill(text):
        if text == "seed-0-mask-add-0":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study("smoke", Job(STUDY, SPEC, (0,), str(tmp_path), threads=1), announce=kill)
    assert not (tmp_path / "record.json").exists()
    assert begun(tmp_path, STUDY.name)["spec"] == to_json(SPEC)
    other = replace(SPEC, random_draws=3, mask=replace(SPEC.mask, beta=1e-3))
    said = run_and_hear(tmp_path, spec=other)[1]
    assert said[0].startswith(f"{tmp_path} was begun with other settings (mask, random_draws). What does not depend on them is ")
    assert "seed-0-network" not in said
    assert run_and_hear(tmp_path, spec=other)[1] == [], "now it is begun with these"


def test_the_folder_of_another_study_is_refused(folder, tmp_path):
    double = study_at("double-addition")
    job = Job(double, double.preset("smoke"), (0,), str(folder), threads=1)
    said = f"{folder} holds a run of addition-multiplication, and this is one of double-addition. Name another folder with --out"
    for _ in ("by its settings", "by its record"):
        with pytest.raises(RunFolderError, match=re.escape(said)):
            run_study("smoke", job)
        (folder / "settings.json").unlink(missing_ok=True)
    (folder / "record.json").unlink()
    assert begun(folder, double.name) == {}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"experiment": "scan"}'])
def test_settings_that_cannot_be_read_are_none(tmp_path, text):
    (tmp_path / "settings.json").write_text(text)
    assert begun(tmp_path, STUDY.name) == {}


def test_a_damaged_artefact_is_one_clear_error(folder):
    path = artefact(folder, "seed-0-mask-add-0") / "mask.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 4
    path.write_bytes(content)
    with pytest.raises(
        FileFormatError, match=r"mask.safetensors was altered.*Take another copy of the file, or delete the whole folder"
    ):
        run(folder)
    shutil.rmtree(path.parent)
    assert run(folder)[1] == ["seed-0-mask-add-0", "seed-0-analysis"]


def test_a_damaged_result_is_one_clear_error(folder):
    path = artefact(folder, "seed-0-analysis") / "result.json"
    path.write_text(path.read_text().replace('"variant": "trained"', '"variant": "untrained"'))
    with pytest.raises(FileFormatError, match="result.json was altered"):
        run(folder)


def test_leftovers_of_a_killed_run_are_cleared(folder):
    """In the run's own folders; and nothing of a user's, or of another run below."""
    left = unfinished_name(Path("seed-9-network")).name.replace(f"-{os.getpid()}-", "-4194305-")  # no process has this number
    half = [folder / name / left for name in ("", "artefacts", "checkpoints")]
    dear = [folder / "my.unfinished-thesis", folder / "inner" / "artefacts" / left]
    for path in (*half, *dear):
        path.mkdir(parents=True)
        (path / "weights.safetensors").write_bytes(b"half")
    run(folder)
    assert [path for path in (*half, *dear) if path.exists()] == dear


def test_two_processes_in_one_folder(folder):
    with filelock.FileLock(folder / ".lock"), pytest.raises(RunFolderError, match="Another process is running in"):
        run(folder)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="Cannot write the run folder"):
        run(tmp_path / "file")


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    real, calls = os.fsync, 0

    def full(handle):
        nonlocal calls
        calls += 1
        if calls > 40:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunFolderError, match="The disk is full.*run the same command again"):
        run(tmp_path / "run")
    monkeypatch.undo()
    assert not list((tmp_path / "run").rglob("*unfinished*"))
    assert run(tmp_path / "run")[1][0] != "seed-0-network", "what was finished before the disk was full is kept"


def test_devices(tmp_path):
    with pytest.raises(ConfigError, match="cpu, cuda or cuda:N was expected"):
        run_study("smoke", Job(STUDY, SPEC, (0,), str(tmp_path), device="gpu"))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="torch sees no CUDA device here"):
            run_study("smoke", Job(STUDY, SPEC, (0,), str(tmp_path), device="cuda"))


def test_a_folder_without_a_record(tmp_path):
    with pytest.raises(FileFormatError, match="no record in .*expected the folder of a finished run"):
        load_record(tmp_path)
    (tmp_path / "record.json").write_text('{"body": {}, "sha256": ""}')
    with pytest.raises(FileFormatError, match="was altered"):
        load_record(tmp_path)


def test_plan_tells_what_is_done(folder, tmp_path):
    done = make_plan(Job(STUDY, SPEC, (0, 1), str(folder), threads=1))
    assert [stage.name for stage in done.stages if stage.done] == names(0)
    assert [stage.name for stage in done.stages if not stage.done] == names(1)
    assert done.seconds > 0
    assert done.memory > 0
    new = make_plan(Job(STUDY, SPEC, (0,), str(tmp_path / "new"), threads=1))
    assert not any(stage.done for stage in new.stages)
    assert not (tmp_path / "new").exists()
