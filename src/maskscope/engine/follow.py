"""Who is told what a run does: which part is being made, how far it is, what is done. Workers tell it to their parent."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from maskscope.engine.planned import Piece
from maskscope.training import Observer, ProgressBar, StepReport

# what a worker tells its parent begins with this sign; all other lines are for the user
_SIGN = "\x1e"
# seconds between two reports of a worker
_PATIENCE = 0.5

Watch = Callable[[str], Sequence[Observer]]


class Follower:
    """Is told what a run does. Subclasses override the methods that they need."""

    def plans(self, pieces: Sequence[Piece], workers: int) -> None:
        """Called once, before anything is made, with everything that the run consists of; also with what is done already."""

    def enters(self, place: str) -> None:
        """Called when the work at a value of a sweep begins; see `Piece.place`."""

    def makes(self, name: str, where: str = "") -> None:
        """Called when an output is about to be made, once for each output of a step.

        Args:
            name: of the output.
            where: the machine that makes it; empty: this one.
        """

    def together(self, names: Sequence[str]) -> None:
        """Called when steps are about to be made in one call, behind `makes`, with the name of the first output of each."""

    def at(self, name: str, step: int, steps: int) -> None:
        """Called now and then while an output is made: how many steps of its loop are done."""

    def lost(self, name: str) -> None:
        """Called when the process or the machine that made a step is gone, with the name of its first output; it begins again."""

    def made(self, name: str) -> None:
        """Called when a step is done, with the name of its first output."""

    def note(self, text: str) -> None:
        """Called with a line for the user, for example before a long preparation."""


class Names(Follower):
    """Passes on the name of each output that is made."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce

    def makes(self, name: str, where: str = "") -> None:
        """Announces it."""
        self._announce(name)


class ToParent(Follower):
    """What a process that does a part of a run tells the one that runs it.

    Args:
        tell: passes it on: the name of a method of `Follower`, and its arguments. Else lines on standard error do, for `hear`.
    """

    def __init__(self, tell: Callable[..., None] | None = None) -> None:
        self._told = 0.0
        self._tell = tell or _write

    def makes(self, name: str, where: str = "") -> None:
        """Tells it."""
        self._tell("makes", name, where)

    def at(self, name: str, step: int, steps: int) -> None:
        """Tells it, but not too often."""
        now = time.monotonic()
        if now - self._told > _PATIENCE or step == steps:
            self._told = now
            self._tell("at", name, step, steps)

    def made(self, name: str) -> None:
        """Tells it."""
        self._tell("made", name)

    def note(self, text: str) -> None:
        """Tells it."""
        self._tell("note", text)


def _write(what: str, *values: str | int) -> None:
    sys.stderr.write(f"{_SIGN}{json.dumps([what, *values])}\n")


def hear(line: str, follower: Follower, announce: Callable[[str], None]) -> None:
    """A line of a worker: told to the follower if it is a report, else announced."""
    if not line.startswith(_SIGN):
        announce(line)
        return
    with suppress(ValueError, TypeError):  # a worker that was killed leaves half a line
        what, *values = json.loads(line[1:])
        getattr(follower, what)(*values)


class StepWatcher(Observer):
    """Tells a follower how far a step is that is being made."""

    def __init__(self, follower: Follower, step: str) -> None:
        self._follower, self._step = follower, step

    def begin(self, report: StepReport) -> None:
        """Tells it."""
        self._follower.at(self._step, report.step, report.steps)

    def after_step(self, report: StepReport) -> None:
        """Tells it."""
        self._follower.at(self._step, report.step, report.steps)

    def note(self, text: str) -> None:
        """Tells it."""
        self._follower.note(text)


def watching(watch: Watch, follower: Follower | None, step_of: Callable[[str], str]) -> Watch:
    """The observers of a run that is followed: without bars, which would write over what the follower shows.

    Args:
        watch: makes the others.
        follower: is told how far each step is; None: the run is not followed.
        step_of: from the name of a search to that of the step that it belongs to.
    """
    if follower is None:
        return watch

    def found(name: str) -> Sequence[Observer]:
        return (*(one for one in watch(name) if not isinstance(one, ProgressBar)), StepWatcher(follower, step_of(name)))

    return found
