"""Observers watch a run. They change nothing: a run gives the same bits with and without them."""

import math
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@dataclass(frozen=True)
class StepReport:
    """What observers get after a step.

    Args:
        step: the number of steps done.
        steps: the number of steps of the whole run.
        loss: the mean loss of this step.
        reference_loss: the loss without masks on the data of the first step; NaN if weights are fitted.
        first_loss: the loss of the first step.
        measure: computes quantities that take longer: for masks, ``density`` and ``undecided``.
        is_last: whether the run ends with this step, possibly before ``steps``.
    """

    step: int
    steps: int
    loss: float
    reference_loss: float
    first_loss: float
    measure: Callable[[], Mapping[str, float]]
    is_last: bool = False


class Observer:
    """Watches a run. Subclasses override the methods that they need."""

    def begin(self, report: StepReport) -> None:
        """Called once before the first step in this process; ``report.step`` is above 0 if the run is resumed."""

    def after_step(self, report: StepReport) -> None:
        """Called after each step."""

    def note(self, text: str) -> None:
        """Called with a line of text for the user, for example before a long preparation."""

    def end(self) -> None:
        """Called once at the end of the run, also after an error."""


@dataclass
class History(Observer):
    """Records the loss of every step, and the measures at some 200 steps."""

    loss: list[float] = field(default_factory=list)
    measured_at: list[int] = field(default_factory=list)
    measures: dict[str, list[float]] = field(default_factory=dict)

    def after_step(self, report: StepReport) -> None:
        """Records the step."""
        self.loss.append(report.loss)
        if report.step % max(1, report.steps // 200) == 0 or report.is_last:
            self.measured_at.append(report.step)
            for name, value in report.measure().items():
                self.measures.setdefault(name, []).append(value)


class ProgressBar(Observer):
    """Shows a bar on a terminal, and elsewhere a plain line every ``seconds``. For several masks it shows ranges of numbers.

    Args:
        label: the name of the run.
        stream: where to write; by default, standard error.
        seconds: the time between two plain lines.
    """

    def __init__(self, label: str = "mask", stream: TextIO | None = None, seconds: float = 15.0) -> None:
        self._label, self._stream, self._seconds = label, stream or sys.stderr, seconds
        self._bar: Progress | None = None
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
        one = cls(", ".join(labels[:3]) + more, seconds=bars[0]._seconds)
        one._stream = bars[0]._stream
        return one

    def begin(self, report: StepReport) -> None:
        """Shows the bar."""
        self._watched += 1
        if self._watched > 1:
            return
        self._began, self._shown = time.monotonic(), -math.inf  # the first step is always shown, to say that the run works
        self._first, self._reports = report.step, []
        if self._stream.isatty():
            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[state]}"))
            self._bar = Progress(TextColumn("{task.description}"), *columns, console=Console(file=self._stream))
            self._bar.start()
            self._bar.add_task(self._label, total=report.steps, completed=report.step, state="")

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
        else:
            self._stream.write(f"{self._label}: {report.step}/{report.steps}  {state}{left}\n")
            self._stream.flush()

    def end(self) -> None:
        """Removes the bar."""
        self._watched = 0
        if self._bar:
            self._bar.stop()
            self._bar = None


def _range(values: Sequence[float], form: str) -> str:
    low, high = (format(value, form) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


class LossWarning(UserWarning):
    """The loss under the mask is not finite, or too high."""


class Watchdog(Observer):
    """Warns if the loss is not finite, or if it stays far above the loss of the unmasked network; once for each reason.

    The second is checked in the second half of a run and at its end. Let m be the mean loss of the last 100 steps, f the loss of
    the first step and u the unmasked loss: it warns if m > u + max(f - u, u, 0) / 2. Then the mask does not carry the function:
    the penalty is too strong, or there are too few steps.
    """

    _WINDOW = 100

    def __init__(self) -> None:
        self._recent: list[float] = []
        self._warned: set[str] = set()

    def after_step(self, report: StepReport) -> None:
        """Checks the loss of the step."""
        if not math.isfinite(report.loss):
            self._warn("finite", f"step {report.step}: the loss is {report.loss}")
            return
        self._recent = [*self._recent[-self._WINDOW + 1 :], report.loss]
        if (report.step * 2 < report.steps and not report.is_last) or len(self._recent) < self._WINDOW:
            return
        mean, reference = sum(self._recent) / self._WINDOW, report.reference_loss
        if mean > reference + max(report.first_loss - reference, reference, 0) / 2:
            self._warn(
                "behind",
                f"step {report.step}: the loss under the mask is {mean:.3g}, that of the unmasked network "
                f"{reference:.3g}; the mask does not carry the function. Lower the penalty, or take more steps.",
            )

    def _warn(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(message, LossWarning, stacklevel=4)


def usual_observers(
    given: Sequence[Sequence[Observer]], titles: Sequence[str], *, with_watchdog: bool = True
) -> list[list[Observer]]:
    """The given observers of each mask, plus a watchdog for each, and one progress bar for all masks together.

    Args:
        given: the observers of each mask.
        titles: the names of the masks, for the progress bar.
        with_watchdog: whether to add the watchdog.
    """
    bars = [observer for own in given for observer in own if isinstance(observer, ProgressBar)]
    bar = ProgressBar.of_all(bars or [ProgressBar(title) for title in titles])
    found = []
    for own in given:
        kept = [observer for observer in own if not isinstance(observer, ProgressBar)]
        watchdog = [] if not with_watchdog or any(isinstance(observer, Watchdog) for observer in own) else [Watchdog()]
        found.append([*kept, *watchdog, bar])
    return found
