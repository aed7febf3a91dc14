"""Where the data of a step come from: a function of an index, or anything that can be iterated."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from maskscope.errors import BatchesError

Batches = Callable[[int], Any] | Iterable[Any]


class SkippedPartsWarning(UserWarning):
    """A resumed run reads parts and throws them away, to come to where it was; if they are random, they are other parts."""


class PartSource:
    """Parts of batches in order. A step that takes P parts uses the parts ``step * P`` to ``step * P + P - 1``.

    A function ``batches(index)`` is asked for exactly what is needed, so a resumed run is exact at once. An iterable is begun
    again when it ends, and a resumed run has to skip over what was used already.
    """

    def __init__(self, batches: Batches | object) -> None:
        self._function: Callable[[int], Any] | None = batches if callable(batches) else None
        self._iterable: Iterable[Any] = ()
        if self._function is None:
            if not isinstance(batches, Iterable):
                raise BatchesError(
                    f"batches is of type {type(batches).__name__}; a function of an index, or an iterable of parts, was expected."
                )
            self._iterable = batches
        self._iterator: Iterator[Any] | None = None
        self._next = 0

    def part(self, index: int) -> Any:
        """The part of that index; indices must not fall.

        Raises:
            BatchesError: the iterable is empty, or ended and cannot begin again.
        """
        if self._function is not None:
            return self._function(index)
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
