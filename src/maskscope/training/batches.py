"""The data of each step: from a function of an index, or from any iterable."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from maskscope.errors import BatchesError
from maskscope.masks.parts import PartCopies, is_same
from maskscope.training.given_batches import function_or_iterable

Batches = Callable[[int], Any] | Iterable[Any]


class SkippedPartsWarning(UserWarning):
    """A resumed run reads and discards the parts that were used before; if parts are random, these are different ones."""


class PartSource:
    """Parts of batches in order. A step that takes P parts uses the parts ``step * P`` to ``step * P + P - 1``.

    A function ``batches(index)`` is called with the indices that are needed, so a resumed run needs no other parts. An iterable
    starts again when it ends, and a resumed run has to skip the parts that were used before.
    """

    def __init__(self, batches: Batches | object) -> None:
        self._function, self._iterable = function_or_iterable(batches)
        self._iterator: Iterator[Any] | None = None
        self._next = 0
        self._ends = 0

    def part(self, index: int) -> Any:
        """The part with this index; for an iterable, indices must increase from call to call.

        Raises:
            BatchesError: the iterable is empty, or ended and cannot start again; or a function returned an iterator.
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
                f"skipping over the {index - self._next} parts that were used before; with a function batches(index) -> part, a "
                "run is resumed at once",
                SkippedPartsWarning,
                stacklevel=2,
            )
        while True:
            part = self._advance()
            self._next += 1
            if self._next > index:
                return part

    def beyond(self, index: int) -> Any:
        """After training: the part with this index, or the next part of an iterable, which may start again."""
        return self._advance() if self._function is None else self.part(index)

    def is_unseen(self, index: int) -> bool:
        """Whether training on the parts before ``index`` did not use the parts that `beyond` gives from there on."""
        return self._function is not None or (self._next == index and not self._ends)

    def _advance(self) -> Any:
        for _ in range(2):
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            try:
                return next(self._iterator)
            except StopIteration:
                one_shot = self._iterator is self._iterable
                self._iterator = None
                self._ends += 1
                if one_shot:
                    raise BatchesError(
                        f"The batches ended after {self._next} parts and cannot begin again, because they are a one-time "
                        "iterator (a generator?). Pass a list, a DataLoader, or a function batches(index) -> part."
                    ) from None
        raise BatchesError("The batches are empty: there is not even one part.")


class StepParts:
    """The parts of each step, from one source or several; they are copied if someone else writes into them.

    The problem: a loader may reuse one buffer, and then all parts of a step would be the last one. A loss may write into its
    part, and then the next use of the part (the loss without masks, the second pass over a list) would see other data.

    The trick: in the first step of a run, every part is copied when it is loaded, and the loss gets the copies. If a part differs
    from its copy when all are loaded (the loader wrote), or a copy differs when it comes back (the loss wrote), then all parts of
    all steps are copied. Else no part of a later step is copied or compared.

    How it could fail: a loader or a loss that writes into parts only in later steps.

    Args:
        batches: what the user gave, for each source.
    """

    def __init__(self, batches: Sequence[Batches]) -> None:
        self._sources = [PartSource(one) for one in batches]
        self._copies: bool | None = None  # not known yet
        self._originals: list[list[Any]] = []
        self._lent: list[list[Any]] = []

    def lend(self, step: int, count: int) -> list[list[Any]]:
        """For each source, the ``count`` parts of this step."""
        indices = range(step * count, (step + 1) * count)
        if self._copies is False:
            return [[source.part(index) for index in indices] for source in self._sources]
        given, made = [], PartCopies()
        for source in self._sources:
            for index in indices:
                part = source.part(index)
                given.append((part, made.copied(part)))
        if self._copies is None:
            self._originals = _in_rows([copy for _, copy in given], count)
            self._copies = not all(is_same(*pair) for pair in given)
            return self.again()
        return _in_rows([copy for _, copy in given], count)

    def beyond(self, source: int, index: int, count: int) -> tuple[list[Any], bool]:
        """Parts of one source from ``index`` on, to judge the result of training; and whether training did not use them.

        There are fewer than ``count``, or none, if an iterable ends and cannot start again.
        """
        found = []
        with suppress(BatchesError):
            for place in range(count):
                found.append(PartCopies().copied(self._sources[source].beyond(index + place)))  # noqa: PERF401 - what came first is kept
        return found, self._sources[source].is_unseen(index)

    def again(self) -> list[list[Any]]:
        """In the first step of a run: new copies of its parts, as they were when loaded."""
        made = PartCopies()
        self._compare()
        self._lent = [[made.copied(part) for part in mine] for mine in self._originals]
        return self._lent

    def take_back(self) -> None:
        """Must be called after the parts of a step were used: checks whether the loss wrote into them."""
        if self._originals:
            self._compare()
            self._originals, self._lent = [], []

    def _compare(self) -> None:
        if self._lent and not is_same(self._lent, self._originals):
            self._copies = True


def _in_rows(parts: list[Any], count: int) -> list[list[Any]]:
    return [parts[start : start + count] for start in range(0, len(parts), count)]
