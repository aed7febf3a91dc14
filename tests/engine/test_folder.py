"""A run folder is asked for everything that can be known before the work begins."""

import os
from pathlib import Path

import filelock
import pytest

from maskscope.engine import folder as run_folder
from maskscope.engine.folder import RECORD, SWEEP_RECORD, locked, locked_by_worker, require_file, require_room
from maskscope.errors import RunFolderError
from maskscope.storage import write_json


@pytest.mark.parametrize(
    ("record", "there", "body", "said"),
    [
        (
            RECORD,
            SWEEP_RECORD,
            {"sweep": "penalty"},
            r"holds the record of a sweep \(penalty, sweep.json\), which a run there would hide",
        ),
        (
            SWEEP_RECORD,
            RECORD,
            {"experiment": "scan"},
            r"holds the record of a run \(scan, record.json\), which a sweep there would",
        ),
        (SWEEP_RECORD, RECORD, [], r"holds the record of a run \(damaged, record.json\)"),
    ],
)
def test_a_run_into_a_sweeps_folder_is_refused_and_the_other_way_round(tmp_path, record, there, body, said):
    write_json(tmp_path / there, body)
    require_room(tmp_path, there)
    with pytest.raises(RunFolderError, match=said + ".*Name another folder with --out"):
        require_room(tmp_path, record)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda folder: (folder / "record.json").mkdir(), "record.json is a folder"),
        (lambda folder: (folder / "report.html").mkdir(), "report.html is a folder"),
        (lambda folder: os.mkfifo(folder / "record.json"), "record.json is no file"),
        (lambda folder: (folder / "tables").touch(), "tables is no folder"),
        (lambda folder: (folder / "artefacts").symlink_to(folder / "absent"), "artefacts is no folder"),
    ],
)
def test_what_stands_in_the_way_is_named_before_the_work(tmp_path, prepare, said):
    prepare(tmp_path)
    with pytest.raises(RunFolderError, match=f"cannot hold a run: {said}. Move that away"):
        require_room(tmp_path, RECORD)


def test_a_folder_that_is_not_there_has_room(tmp_path):
    require_room(tmp_path / "new" / "run", RECORD)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written(tmp_path):
    require_file(tmp_path / "new" / "record.json", "--out")
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match=r"Cannot write .*: it is a folder. Name another file with --out"):
        require_file(tmp_path, "--out")
    with pytest.raises(RunFolderError, match="file is no folder that you may write to"):
        require_file(tmp_path / "file" / "record.json", "--out")


def test_one_run_at_a_time(tmp_path):
    with locked(tmp_path / "run"), pytest.raises(RunFolderError, match="Another process is running in"), locked(tmp_path / "run"):
        pass
    with locked(tmp_path / "run"):
        pass


def test_a_run_waits_for_the_workers_of_one_that_died(tmp_path, monkeypatch):
    worker = filelock.FileLock(tmp_path / ".lock-worker-1")
    said = []

    def announce(text):
        said.append(text)
        worker.release()

    with worker, locked(tmp_path, announce):
        pass
    assert said == [f"A worker of an earlier run in {tmp_path} is still saving its state; waiting for it."]
    monkeypatch.setattr(run_folder, "_PATIENCE", 0.1)
    with locked_by_worker(tmp_path, 1), pytest.raises(RunFolderError, match="Another process is running in"), locked(tmp_path):
        pass


def test_a_users_own_file_is_no_lock(tmp_path):
    own = Path(tmp_path, ".lock-worker-notes")
    own.write_text("dear")
    with locked(tmp_path):
        assert own.read_text() == "dear"
    assert sorted(os.listdir(tmp_path)) == [".lock", ".lock-worker-notes"]
