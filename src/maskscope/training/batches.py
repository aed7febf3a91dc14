"""Where the data of a step come from: a function of an index, or anything that can be iterated."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from maskscope.errors import BatchesError
from maskscope.masks.parts import PartCopies, is_same
from maskscope.training.given_batches import function_or_iterable

Batches = Callable[[int], Any] | Iterable[Any]


class SkippedPartsWarning(UserWarning):
    """A resumed run reads parts and throws them away, to come to where it was; if they are random, they are other parts."""


class PartSource:
    """Parts of batches in order. A step that takes P parts uses the parts ``step * P`` to ``step * P + P - 1``.

    A function ``batches(index)`` is asked for exactly what is needed, so a resumed run is exact at once. An iterable is begun
    again when it ends, and a resumed run has to skip over what was used already.
    """

    def __init__(self, batches: Batches | object) -> None:
        self._function, self._iterable = function_or_iterable(batches)
        self._iterator: Iterator[Any] | None = None
        self._next = 0

    def part(self, index: int) -> Any:
        """The part of that index; indices must not fall.

        Raises:
            BatchesError: the iterable is empty, or ended and cannot begin again; or a function returned an iterator.
        """
        if self._function is not None:
            part = self._function(index)
            if isinstance(part, Iterator):
                raise BatchesError(
                    f"batches({index}) returned a {type(part).__name__}; one part was expected. Pass the iterator itself as "
                    "batches, or a function that returns the part of that index."
                )
            return part
        if index < self._next:
            raise BatchesError(f"Part {index} was used already and an iterable cannot go back; pass a function of the index.")
        if index > self._next:
            warnings.warn(
                f"skipping over the {index - self._next} parts that were used before; with a function batches(index) -> part a "
                "run is taken up at once",
                SkippedPartsWarning,
                stacklevel=2,
            )
        while True:
            part = self._advance()
            self._next += 1
            if self._next > index:
                return part

    def _advance(self) -> Any:
        for _ in range(2):
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            try:
                return next(self._iterator)
            except StopIteration:
                one_shot = self._iterator is self._iterable
                self._iterator = None
                if one_shot:
                    raise BatchesError(
                        f"The batches ended after {self._next} parts and cannot begin again, because they are a one-time "
                        "iterator (a generator?). Pass a list, a DataLoader, or a function batches(index) -> part."
                    ) from None
        raise BatchesError("The batches are empty: there is not even one part.")


class StepParts:
    """The parts of each step, from one source or several, lent to those who call the loss.

    A loader may fill one buffer again and again: then the parts of a step would all be the last one. A loss may write into its
    part: then who uses the part again (the loss without masks, a list's second turn) would see other data. In the first step of a
    run every part is copied as it comes, and the copy is lent. Afterwards it is looked at what differs: the part from its copy
    when all are there (the loader wrote), or when they come back (the loss wrote). If anything does, all parts of all steps
    are copied; if nothing, none is, and nothing more is looked at.

    Args:
        batches: what the user gave, for each source.
    """

    def __init__(self, batches: Sequence[Batches]) -> None:
        self._sources = [PartSource(one) for one in batches]
        self._copies: bool | None = None  # not known yet
        self._whole: list[list[Any]] = []
        self._lent: list[list[Any]] = []

    def lend(self, step: int, count: int) -> list[list[Any]]:
        """For each source its ``count`` parts of that step."""
        indices = range(step * count, (step + 1) * count)
        if self._copies is False:
            return [[source.part(index) for index in indices] for source in self._sources]
        given, made = [], PartCopies()
        for source in self._sources:
            for index in indices:
                part = source.part(index)
                given.append((part, made.copied(part)))
        if self._copies is None:
            self._whole, self._copies = _in_rows([copy for _, copy in given], count), not all(is_same(*pair) for pair in given)
            return self.again()
        return _in_rows([copy for _, copy in given], count)

    def again(self) -> list[list[Any]]:
        """In the first step of a run: its parts anew, as they were when they came."""
        made = PartCopies()
        self._look()
        self._lent = [[made.copied(part) for part in mine] for mine in self._whole]
        return self._lent

    def take_back(self) -> None:
        """Called when the parts of a step were used."""
        if self._whole:
            self._look()
            self._whole, self._lent = [], []

    def _look(self) -> None:
        if self._lent and not is_same(self._lent, self._whole):
            self._copies = True


def _in_rows(parts: list[Any], count: int) -> list[list[Any]]:
    return [parts[start : start + count] for start in range(0, len(parts), count)]
