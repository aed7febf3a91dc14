"""The progress of a run in words: a live line or two on a terminal, plain lines and not many of them anywhere else."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from maskscope.engine.follow import Follower
from maskscope.engine.forecast import Forecast, Making
from maskscope.engine.planned import Piece, duration

# seconds between two plain lines about the same step
_BETWEEN_LINES = 60.0
# rows of the table of what a cluster is making
_MOST_LINES = 10
_A_SECOND = 4  # times that a live line is drawn


class RunProgress(Follower):
    """Shows what is being done, how much of the whole is done, and how long the rest takes.

    Args:
        console: where to; else standard error.
        clock: seconds that pass.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._live: Live | None = None
        self._forecast = Forecast((), clock=clock)
        self._place = ""
        self._told = dict[int, float]()
        # workers are heard by a thread each
        self._lock = threading.RLock()

    @property
    def in_notebook(self) -> bool:
        """Whether lines go to a cell of a notebook, where a search has a bar of its own."""
        return self._console.is_jupyter

    @contextmanager
    def shown(self) -> Iterator["RunProgress"]:
        """A block in which progress is shown; on a terminal, live."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(console=self._console, get_renderable=self.drawn, refresh_per_second=_A_SECOND, transient=True) as live:
            self._live = live
            try:
                yield self
            finally:
                self._live = None

    def announce(self, text: str) -> None:
        """A line for the user, above what is live."""
        with self._lock:
            if self._live is not None:
                self._console.print(Text(text), soft_wrap=True)
            else:
                self._console.file.write(f"{text}\n")
                self._console.file.flush()

    def plans(self, pieces: Sequence[Piece], workers: int) -> None:
        """See `Follower.plans`; says what is there already, and how long the rest takes."""
        with self._lock:
            self._forecast = Forecast(pieces, workers, self._clock)
            done, left = self._forecast.finished, self._forecast.left
            if done == len(pieces):
                self.announce("Everything is there already; nothing is searched.")
            elif done:
                self.announce(f"{done} of {len(pieces)} steps were done before and are kept. The rest takes {_about(left)}.")
            else:
                self.announce(f"{len(pieces)} steps, {_about(left)} in all.")

    def enters(self, place: str) -> None:
        """See `Follower.enters`."""
        self._place = place

    def makes(self, name: str, where: str = "") -> None:
        """See `Follower.makes`; a step that says how far it is gets its line when it begins to."""
        with self._lock:
            place = self._forecast.place_of(self._place, name)
            if place is not None:
                self._forecast.begin(place, where)

    def together(self, names: Sequence[str]) -> None:
        """See `Follower.together`."""
        with self._lock:
            places = [self._forecast.place_of(self._place, name) for name in names]
            self._forecast.join([place for place in places if place is not None])

    def at(self, name: str, step: int, steps: int) -> None:
        """See `Follower.at`."""
        with self._lock:
            place = self._forecast.place_of(self._place, name)
            if place is None:
                return
            self._forecast.at(place, step, steps)
            making = self._forecast.making(place)
            if making is None or making.others is None:
                return
            if self._live is None and self._clock() - self._told.get(place, -math.inf) >= _BETWEEN_LINES:
                self._told[place] = self._clock()
                self.announce(f"{self.summary}: {_line_of(making)}")

    def lost(self, name: str) -> None:
        """See `Follower.lost`."""
        with self._lock:
            place = self._forecast.place_of(self._place, name)
            if place is not None:
                self._forecast.lose(place)

    def made(self, name: str) -> None:
        """See `Follower.made`; of a cluster, whose steps are many and elsewhere, each that is done is told."""
        with self._lock:
            place = self._forecast.place_of(self._place, name)
            if place is None:
                return
            making = self._forecast.making(place)
            self._forecast.end(place)
            if self._live is None and making is not None and making.where:
                took = f"done on {making.where} in {duration(making.seconds)}"
                self.announce(f"{self.summary}, {self.counts}: {_words(making.piece)}, {took}")

    def note(self, text: str) -> None:
        """See `Follower.note`."""
        self.announce(text)

    @property
    def summary(self) -> str:
        """How much of the whole is done, and how long the rest takes."""
        share, left = self._forecast.share, self._forecast.left
        # what is not done is never called done
        return f"{min(99, int(100 * share)):>2} % done, {_about(left)} left"

    @property
    def counts(self) -> str:
        """How many steps wait, run and are done."""
        running, done = len(self._forecast.running), self._forecast.finished
        return f"{len(self._forecast.pieces) - running - done} waiting, {running} running, {done} done"

    def drawn(self) -> RenderableType:
        """The live lines: a line for each step that is being made, with its machine in a cluster, and one for the whole."""
        with self._lock:
            running = self._forecast.running
            if not self._forecast.pieces:
                return Text("")
            whole = Table.grid(padding=(0, 2))
            bar = ProgressBar(total=1.0, completed=self._forecast.share, width=28)
            if any(one.where for one in running):
                whole.add_row(bar, Text(f"{self.summary}, {self.counts}"))
                return Group(_table(running), whole)
            whole.add_row(bar, Text(self.summary))
            lines = [_line_of(one) for one in running if one.others is not None]
            return Group(*(Text(line, overflow="ellipsis") for line in lines), whole)


def _line_of(making: Making) -> str:
    """What is being made, how far it is, with how many others, and where."""
    others = f", and {making.others} more at the same time" if making.others else ""
    where = f", on {making.where}" if making.where else ""
    return f"{_words(making.piece, making.at, making.of)}{others}{where}"


def _table(running: Sequence[Making]) -> Table:
    """What is being made where, how far it is, and since when."""
    drawn = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    drawn.add_column("running", ratio=1)
    drawn.add_column("on", no_wrap=True, max_width=20, overflow="ellipsis")
    drawn.add_column("step", justify="right", no_wrap=True)
    drawn.add_column("since", justify="right", no_wrap=True)
    for one in running[:_MOST_LINES]:
        how_far = f"{one.at:,} of {one.of:,}" if one.of else ""
        drawn.add_row(*map(Text, (_words(one.piece), one.where or "-", how_far, duration(one.seconds))))
    if len(running) > _MOST_LINES:
        drawn.add_row(Text(f"and {len(running) - _MOST_LINES} more"))
    return drawn


def _words(piece: Piece, step: int = 0, steps: int = 0) -> str:
    """What is being done, and how far it is."""
    where = ", ".join(part for part in (piece.place, piece.network) if part)
    how_far = f" (step {step:,} of {steps:,})" if steps else ""
    return f"{where}: {piece.words}{how_far}" if where else f"{piece.words}{how_far}"


def _about(seconds: float) -> str:
    """How long something takes, no more exactly than it is known."""
    if math.isnan(seconds):
        return "a time that is not known"
    if seconds < 45:
        return "less than a minute"
    minutes = round(seconds / 60)
    return f"about {duration(60 * minutes)}" if minutes >= 60 else f"about {minutes} minute{'s' if minutes > 1 else ''}"
