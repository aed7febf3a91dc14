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


@dataclass
class _Running:
    """A piece that is being made: since when, and how many steps of its loops are done."""

    began: float
    at: int = 0
    of: int = 0
    before: int = 0
    begun_at: int = 0


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

    def begin(self, place: int) -> None:
        """A piece is being made."""
        self._running.setdefault(place, _Running(self.clock()))

    def at(self, place: int, step: int, steps: int) -> None:
        """So many steps of a loop of a piece are done. A piece may have several loops, one after the other."""
        one = self._running.setdefault(place, _Running(self.clock()))
        if one.of == 0:
            one.begun_at = step
        elif step < one.at:
            one.before += one.of
        one.at, one.of = step, steps

    def end(self, place: int) -> None:
        """A piece is done."""
        one = self._running.pop(place, None)
        if one is not None and place not in self._done:
            piece = self.pieces[place]
            seconds, price = self._measured.get(piece.kind, (0.0, 0.0))
            share = 1 - one.begun_at / one.of if one.of else 1.0
            self._measured[piece.kind] = (seconds + self.clock() - one.began, price + piece.seconds * share)
        self._done.add(place)

    @property
    def running(self) -> list[tuple[Piece, int, int]]:
        """What is being made: the piece, and how many of its present loop's steps are done; 0 of 0 where it does not say."""
        return [(self.pieces[place], one.at, one.of) for place, one in self._running.items()]

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
            return min(1.0, (one.before + one.at) / max(piece.steps, one.of))
        expected = piece.seconds * factors.get(piece.kind, 1.0)
        return min(_ALMOST, (self.clock() - one.began) / expected) if expected > 0 else 0.0

    def _factors(self) -> dict[str, float]:
        """By kind: how much longer the work takes than was forecast."""
        found = dict(self._measured)
        for place, one in self._running.items():
            piece = self.pieces[place]
            if one.of and one.at > one.begun_at:
                share = (one.before + one.at - one.begun_at) / max(piece.steps, one.of)
                seconds, price = found.get(piece.kind, (0.0, 0.0))
                found[piece.kind] = (seconds + self.clock() - one.began, price + piece.seconds * share)
        return {kind: seconds / price for kind, (seconds, price) in found.items() if price > 0 and seconds >= _ENOUGH}
