"""How much of a run is done, and how long the rest takes: prices that are corrected by what is measured as it goes on."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from maskscope.engine.planned import Piece

# seconds of a kind of work after which what was measured counts, and not the price
_ENOUGH = 3.0
# a piece that does not say how far it is, is never taken for done
_ALMOST = 0.95


@dataclass(frozen=True)
class Making:
    """A piece that is being made.

    Args:
        piece: which.
        where: the machine of a cluster; empty: this one.
        at: how many steps of its present loop are done; 0 of 0 where it does not say.
        of: how many there are.
        seconds: since it was begun.
        others: how many others are made in the same call; None: it is one of these, and another piece stands for the call.
    """

    piece: Piece
    where: str
    at: int
    of: int
    seconds: float
    others: int | None = 0


@dataclass
class _Running:
    """A piece that is being made: since when, and how many steps of its loops are done.

    The rate is counted from the end of the first step, which also pays for compiling; ``counted`` is that step. Since when it is
    made at all, and where, is for whoever looks on. Of pieces that are made in one call, each is taken to need an equal share of
    its time.
    """

    began: float
    where: str = ""
    since: float = 0.0
    at: int = 0
    of: int = 0
    before: int = 0
    counted: int | None = None
    among: int = 1
    is_first: bool = True

    @property
    def steps(self) -> int:
        """Those of all its loops that are done."""
        return self.before + self.at

    def share(self, piece: Piece, steps: int) -> float:
        """How much of a piece so many steps are."""
        return min(1.0, steps / max(piece.steps, self.of))


@dataclass
class Forecast:
    """What is done of a run, and how long the rest takes.

    Args:
        pieces: everything that the run consists of.
        workers: how many are made at the same time.
        clock: seconds that pass.
    """

    pieces: Sequence[Piece]
    workers: int = 1
    clock: Callable[[], float] = time.monotonic
    _running: dict[int, _Running] = field(default_factory=dict)
    _done: set[int] = field(default_factory=set)
    # by kind: the seconds that finished pieces took, and their price
    _measured: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._done |= {place for place, piece in enumerate(self.pieces) if piece.done}
        self._places = {(piece.place, name): place for place, piece in enumerate(self.pieces) for name in piece.outputs}

    def place_of(self, where: str, name: str) -> int | None:
        """The number of a piece, by one of its outputs; None if it was not planned."""
        return self._places.get((where, name))

    def begin(self, place: int, where: str = "") -> None:
        """A piece is being made, on some machine of a cluster or here."""
        now = self.clock()
        self._running.setdefault(place, _Running(now, where, now))

    def join(self, places: Sequence[int]) -> None:
        """These pieces, which have begun, are made in one call."""
        for number, place in enumerate(places):
            self._running[place].among, self._running[place].is_first = len(places), not number

    def lose(self, place: int) -> None:
        """What made a piece is gone: it waits again."""
        self._running.pop(place, None)

    def at(self, place: int, step: int, steps: int) -> None:
        """So many steps of a loop of a piece are done. A piece may have several loops, one after the other."""
        self.begin(place)
        one = self._running[place]
        if step < one.at:
            one.before += one.of
        # the first report comes before the first step, or before the first after a checkpoint
        elif one.of and one.counted is None and step > one.at:
            one.began, one.counted = self.clock(), one.before + step
        one.at, one.of = step, steps

    def end(self, place: int) -> None:
        """A piece is done."""
        one = self._running.pop(place, None)
        if one is not None and place not in self._done:
            self._measured[self.pieces[place].kind] = self._with(one, self.pieces[place], self._measured)
        self._done.add(place)

    @property
    def running(self) -> list[Making]:
        """What is being made."""
        return [making for place in self._running if (making := self.making(place))]

    def making(self, place: int) -> Making | None:
        """How a piece is being made; None if it is not."""
        one = self._running.get(place)
        if one is None:
            return None
        others = one.among - 1 if one.is_first else None
        return Making(self.pieces[place], one.where, one.at, one.of, self.clock() - one.since, others)

    @property
    def finished(self) -> int:
        """How many pieces are done."""
        return len(self._done)

    @property
    def left(self) -> float:
        """Seconds until all is done; NaN where that is not known."""
        factors = self._factors()
        rest = {
            place: piece.seconds * factors.get(piece.kind, 1.0) * (1 - self._share_of(place, factors))
            for place, piece in enumerate(self.pieces)
            if place not in self._done
        }
        longest = max((rest[place] for place in self._running if place in rest), default=0.0)
        return max(sum(rest.values()) / max(1, min(self.workers, len(rest))), longest)

    @property
    def share(self) -> float:
        """How much of the whole is done, by time; NaN where no time is known."""
        factors, done, whole = self._factors(), 0.0, 0.0
        for place, piece in enumerate(self.pieces):
            seconds = piece.seconds * factors.get(piece.kind, 1.0)
            whole += seconds
            done += seconds * (1.0 if place in self._done else self._share_of(place, factors))
        if not whole or math.isnan(whole):
            return len(self._done) / len(self.pieces) if self.pieces else 1.0
        return done / whole

    def _share_of(self, place: int, factors: dict[str, float]) -> float:
        """How much of a piece is done."""
        one, piece = self._running.get(place), self.pieces[place]
        if one is None:
            return 0.0
        if one.of:
            return one.share(piece, one.steps)
        expected = piece.seconds * factors.get(piece.kind, 1.0)
        return min(_ALMOST, (self.clock() - one.began) / one.among / expected) if expected > 0 else 0.0

    def _factors(self) -> dict[str, float]:
        """By kind: how much longer the work takes than was forecast."""
        found = dict(self._measured)
        for place, one in self._running.items():
            if one.of:
                found[self.pieces[place].kind] = self._with(one, self.pieces[place], found)
        return {kind: seconds / price for kind, (seconds, price) in found.items() if price > 0 and seconds >= _ENOUGH}

    def _with(self, one: _Running, piece: Piece, measured: dict[str, tuple[float, float]]) -> tuple[float, float]:
        """What was measured of a kind, and with it what a piece took until now, beside its price."""
        seconds, price = measured.get(piece.kind, (0.0, 0.0))
        if one.of and one.counted is None:
            return seconds, price
        share = one.share(piece, one.steps - (one.counted or 0)) if one.of else 1.0
        return seconds + (self.clock() - one.began) / one.among, price + piece.seconds * share
