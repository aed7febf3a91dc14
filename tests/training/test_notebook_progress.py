"""The progress bar in a notebook is one output that changes, and elsewhere it is as it was."""

import sys
import types

import pytest
from rich import console

import maskscope as ms
from maskscope.training.observers import watched_together
from maskscope.training.observers.observer import StepReport


class Cell:
    """An output of a cell, as IPython's handle for it."""

    def __init__(self):
        self.shown = []

    def update(self, renderable):
        self.shown.append(renderable._repr_mimebundle_((), ()))


@pytest.fixture
def cells(monkeypatch):
    made = []

    def display(renderable, *, display_id):
        assert display_id is True
        made.append(Cell())
        made[-1].update(renderable)
        return made[-1]

    module = types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(console, "_is_jupyter", lambda: True)
    return made


def go(bar, steps=300):
    def report(step):
        return StepReport(step, steps, 0.5, 0.1, 0.7, lambda: {"density": 0.25}, step == steps)

    bar.begin(report(0))
    for step in range(1, steps + 1):
        bar.after_step(report(step))
    bar.end()


def test_a_run_has_one_output_which_ends_with_the_last_step(cells, capsys):
    go(ms.ProgressBar("add"))
    (cell,) = cells
    last = cell.shown[-1]
    assert "add" in last["text/html"]
    assert "300/300" in last["text/plain"]
    assert "density 25.00%" in last["text/plain"]
    assert len(last["text/html"]) < 3000
    assert "<script" not in last["text/html"]
    assert capsys.readouterr() == ("", "")


def test_notes_are_on_standard_output_of_a_notebook(cells, capsys):
    ms.ProgressBar("add").note("compiling")
    assert capsys.readouterr() == ("add: compiling\n", "")


def test_a_stream_that_was_given_gets_plain_lines_in_a_notebook_too(cells, tmp_path):
    with (tmp_path / "log").open("w") as stream:
        go(ms.ProgressBar("add", stream))
    assert cells == []
    assert (tmp_path / "log").read_text().startswith("add: 1/300  loss 0.5  density 25.00%")


def test_bars_of_several_searches_become_one(cells):
    found = watched_together(["a", "b", "c"], lambda name: (ms.ProgressBar(name), ms.History()))
    assert [[type(one).__name__ for one in own] for own in found] == [["ProgressBar", "History"], ["History"], ["History"]]
    go(found[0][0], steps=1)
    assert "a and 2 more" in cells[0].shown[-1]["text/plain"]
