"""The progress of a run: a bar on a terminal and in a notebook, plain lines elsewhere."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from maskscope.training.observers.observer import Observer, StepReport


class ProgressBar(Observer):
    """Shows a bar on a terminal and in a notebook, and elsewhere a plain line every ``seconds``.

    For several masks it shows ranges of numbers.

    Args:
        label: the name of the run.
        stream: where to write; by default the notebook's cell where there is one, else standard error.
        seconds: the time between two plain lines.
    """

    def __init__(self, label: str = "mask", stream: TextIO | None = None, seconds: float = 15.0) -> None:
        self._in_notebook = stream is None and Console().is_jupyter
        # a notebook shows standard error as if something had gone wrong
        self._stream = stream or (sys.stdout if self._in_notebook else sys.stderr)
        self._label, self._seconds = label, seconds
        self._bar: Progress | None = None
        self._cell: Any = None
        self._shown = self._began = 0.0
        self._first = self._watched = 0
        self._reports: list[StepReport] = []

    @classmethod
    def of_all(cls, bars: Sequence["ProgressBar"]) -> "ProgressBar":
        """One bar that replaces several: two bars at the same time would overwrite each other."""
        if len({id(bar) for bar in bars}) == 1:
            return bars[0]
        labels = [bar._label for bar in bars]
        more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
        return bars[0]._labelled(", ".join(labels[:3]) + more)

    def for_others_too(self, others: int) -> "ProgressBar":
        """The bar of a search that stands for so many others, which go on together with it."""
        return self._labelled(f"{self._label} and {others} more")

    def _labelled(self, label: str) -> "ProgressBar":
        one = ProgressBar(label, seconds=self._seconds)
        one._stream, one._in_notebook = self._stream, self._in_notebook
        return one

    def begin(self, report: StepReport) -> None:
        """Shows the bar."""
        self._watched += 1
        if self._watched > 1:
            return
        self._began, self._shown = time.monotonic(), -math.inf  # the first step is always shown, to say that the run works
        self._first, self._reports = report.step, []
        if self._in_notebook or self._stream.isatty():
            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[state]}"))
            self._bar = Progress(TextColumn("{task.description}"), *columns, console=Console(file=self._stream))
            self._bar.add_task(self._label, total=report.steps, completed=report.step, state="")
            if self._in_notebook:
                self._cell = _display(self._bar)
            else:
                self._bar.start()

    def note(self, text: str) -> None:
        """Writes a line."""
        self._stream.write(f"{self._label}: {text}\n")
        self._stream.flush()

    def after_step(self, report: StepReport) -> None:
        """Moves the bar, or writes a line when it is time."""
        self._reports.append(report)
        if len(self._reports) < self._watched:
            return
        moments, self._reports = self._reports, []
        now = time.monotonic()
        if now - self._shown < (0.2 if self._bar else self._seconds) and not report.is_last:
            return
        if self._shown == -math.inf:  # the rate is measured from the end of the first step, which includes compiling
            self._began, self._first = now, report.step
        self._shown = now
        rate = (report.step - self._first) / max(now - self._began, 1e-9)
        measures = [one.measure() for one in moments]
        state = "  ".join(
            [
                f"loss {_range([one.loss for one in moments], '.4g')}",
                *(f"{name} {_range([measure[name] for measure in measures], '.2%')}" for name in measures[0]),
            ]
        )
        left = ""
        if rate:
            state += f"  {rate:.1f} steps/s"
            left = f"  {(report.steps - report.step) / rate:.0f} s left"
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=report.step, state=state)
            if self._cell:
                self._cell.update(self._bar)
        else:
            self._stream.write(f"{self._label}: {report.step}/{report.steps}  {state}{left}\n")
            self._stream.flush()

    def end(self) -> None:
        """Leaves the bar as it is."""
        self._watched = 0
        if self._bar:
            if not self._cell:
                self._bar.stop()
            self._bar = self._cell = None


def _display(bar: Progress) -> Any:
    """Shows a bar in a notebook's cell; returns the handle whose ``update`` shows it anew, in the same place.

    rich draws the bar and IPython replaces it. rich's own display and tqdm's need ipywidgets, and a notebook file keeps nothing
    of a widget for those who read it later.
    """
    display = import_module("IPython.display").display
    return display(bar, display_id=True)


def watched_together(names: Sequence[str], watch: Callable[[str], Sequence[Observer]]) -> list[list[Observer]]:
    """The observers of searches that go on together, each with its own; only the first has a progress bar.

    Args:
        names: of the searches.
        watch: makes the observers of a search from its name.
    """
    found: list[list[Observer]] = []
    for place, name in enumerate(names):
        own = list(watch(name))
        if place:
            own = [one for one in own if not isinstance(one, ProgressBar)]
        elif len(names) > 1:
            own = [one.for_others_too(len(names) - 1) if isinstance(one, ProgressBar) else one for one in own]
        found.append(own)
    return found


def _range(values: Sequence[float], form: str) -> str:
    low, high = (format(value, form) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
