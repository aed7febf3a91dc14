"""At 80 columns no word is broken, and nothing is lost: what is printed are the words of the same text on an endless line."""

import io
import re
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from maskscope.cli.main import main
from maskscope.columns import print_columns
from maskscope.engine.address import study_at
from maskscope.engine.records.file import load_record
from maskscope.engine.sweep.record import load_sweep
from maskscope.report import comparison, show_comparison, show_record, show_sweep

RECORDS = Path(__file__).parent.parent.parent / "reproduction"
NAMES = [
    "addition-multiplication-quick",
    "scan-lstm-splits",
    "permuted-mnist-quick",
    "cifar10-class-removal-cnn-no-dropout-quick",
]


@pytest.fixture(scope="module")
def records():
    return {name: load_record(RECORDS / name) for name in NAMES}


def printed(width, show, *values, **settings):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    show(*values, console, **settings)
    return console.file.getvalue()


def assert_whole(narrow, wide, width=80):
    # where a table does not fit, its cells stand in lines, with titles or commas between
    narrow_words, wide_words = (set(re.sub("[:,]", "", text).split()) for text in (narrow, wide))
    assert narrow_words - wide_words == set()
    # a line to copy stays whole, as long as the paths in it are
    for line in narrow.splitlines():
        assert len(line) <= width or len(line.split()) == 1 or line.startswith("  maskscope "), line


@pytest.mark.parametrize(("name", "width"), [*((name, 80) for name in NAMES), (NAMES[0], 120)])
def test_a_record(records, name, width):
    page = study_at(records[name].study).page
    short, long = (printed(width, show_record, records[name], page, everything=every) for every in (False, True))
    assert_whole(short, printed(5_000, show_record, records[name], page), width)
    assert_whole(long, printed(5_000, show_record, records[name], page, everything=True), width)
    assert len(short.splitlines()) <= 40
    assert len(long) > len(short)


def test_a_comparison_and_a_sweep(records):
    compared = comparison(*list(records.values())[:2])
    assert_whole(printed(80, show_comparison, compared), printed(5_000, show_comparison, compared))
    sweep = load_sweep(RECORDS / "penalty-sweep-quick")
    assert_whole(printed(80, show_sweep, sweep), printed(5_000, show_sweep, sweep))


COMMANDS = [
    ["list"],
    ["list", "mathematics"],
    ["claims"],
    ["claims", str(RECORDS / NAMES[0])],
    ["data", "list"],
    ["show", str(RECORDS)],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command(words, capsys, monkeypatch):
    found = []
    for columns in ("80", "5000"):
        monkeypatch.setenv("COLUMNS", columns)
        main(words)
        found.append(capsys.readouterr().out)
    assert_whole(*found)


def test_paths_may_be_long(tmp_path, capsys, monkeypatch):
    folder = tmp_path / ("a-folder-with-a-long-name-" * 4)
    shutil.copytree(RECORDS / NAMES[0], folder / "a-run")
    test_a_command(["show", str(folder)], capsys, monkeypatch)


def test_commands_that_can_be_copied_stand_on_one_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    main(["claims"])
    lines = capsys.readouterr().out.splitlines()
    assert "  maskscope run cifar10-class-removal --network cnn --seeds 3" in lines
    assert len(lines) < 40


def test_a_table_that_does_not_fit_is_a_block_for_each_row():
    rows = [["first", "a-word-of-twenty-two"], ["second", ""]]
    console = Console(file=io.StringIO(), width=20, color_system=None)
    print_columns(console, ["name", "what"], rows)
    assert console.file.getvalue().splitlines() == ["first", "    what:", "    a-word-of-twenty-two", "second"]
