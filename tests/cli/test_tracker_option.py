"""``maskscope run ... --tracker``: the tracker watches the searches; with several workers it is refused."""

import sys
import types
from typing import get_args, get_type_hints

import pytest

from maskscope.cli import run_command, running
from maskscope.cli.main import main
from maskscope.training import Tracker
from maskscope.training.trackers import TRACKERS, services

RUN = ["run", "addition-multiplication", "--preset", "smoke"]


class Stopped(Exception):
    pass


@pytest.fixture
def watched(monkeypatch):
    """What `run_study` is given to watch with."""
    given = []

    def run_study(*_, watch, **__):
        given.append(watch)
        raise Stopped

    monkeypatch.setattr(running, "run_study", run_study)
    monkeypatch.setattr(services, "find_spec", lambda name: name)
    return given


def test_the_tracker_watches_and_writes_into_the_run_folder(watched, tmp_path, monkeypatch):
    opened = []
    module = types.ModuleType("trackio")
    module.init = lambda **arguments: opened.append(arguments)
    monkeypatch.setitem(sys.modules, "trackio", module)
    with pytest.raises(Stopped):
        main([*RUN, "--out", str(tmp_path / "run"), "--tracker", "trackio"])
    (tracker,) = watched
    assert isinstance(tracker, Tracker)
    tracker.conclude("mine", {})
    assert opened[0]["project"] == "addition-multiplication"
    assert (tmp_path / "run" / "tracking" / "runs.json").exists()


def test_without_the_option_nobody_watches_but_the_progress_of_the_whole(watched, tmp_path):
    with pytest.raises(Stopped):
        main([*RUN, "--out", str(tmp_path)])
    (watch,) = watched
    assert watch("any") == ()


def test_workers_have_no_tracker(watched, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main([*RUN, "--out", str(tmp_path), "--tracker", "wandb", "--workers", "2"])
    assert end.value.code == 2
    assert "with --workers above 1 others do the work" in capsys.readouterr().err
    assert watched == []


def test_the_option_knows_every_tracker():
    assert get_args(get_type_hints(run_command.RunOptions)["tracker"]) == ("none", *TRACKERS)
