"""The runs that there are: done, or how far."""

import json

from maskscope.cli.found_runs import runs_in
from maskscope.cli.main import main
from maskscope.storage import write_json

BEGUN = {"experiment": "scan", "preset": "quick", "seeds": [0, 1], "parts": 8}


def runs(folder):
    write_json(folder / "a" / "record.json", {"experiment": "scan", "preset": "paper", "seeds": [0]})
    write_json(folder / "b" / "c" / "settings.json", BEGUN)
    (folder / "b" / "c" / "artefacts" / "seed-0-network-0123").mkdir(parents=True)
    write_json(folder / "d" / "sweep.json", {"experiment": "scan", "preset": "quick", "axis": "layers", "points": [1, 2]})
    write_json(folder / "d" / "points" / "layers=1" / "record.json", {"experiment": "scan"})
    (folder / "e").mkdir()
    (folder / "e" / "record.json").write_text("{")


def test_each_run_says_what_it_is_and_how_far(tmp_path):
    runs(tmp_path)
    found = {one.folder.name: one for one in runs_in(tmp_path)}
    assert {name: (one.what, one.preset, one.networks, one.state) for name, one in found.items()} == {
        "a": ("scan", "paper", "1", "done"),
        "c": ("scan", "quick", "2", "1 of 8 parts"),
        "d": ("scan, sweep over layers", "quick", "2 values", "done"),
    }


def test_show_lists_them(tmp_path, monkeypatch, capsys):
    runs(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    main(["show"])
    out = capsys.readouterr().out
    assert "runs/b/c" in out
    assert "1 of 8 parts" in out
    assert "goes on with one that is not done" in out
    main(["show", "runs", "--json"])
    assert {one["folder"] for one in json.loads(capsys.readouterr().out)} == {"runs/a", "runs/b/c", "runs/d"}
