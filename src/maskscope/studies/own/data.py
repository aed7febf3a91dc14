"""The data of a user's functions, taken as they are given or refused with what to write instead; and the names of these."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from torch import Tensor

from maskscope.errors import BatchesError, ConfigError, MaskscopeError
from maskscope.studies.own.fingerprints import fingerprint
from maskscope.studies.own.items import Collate, parts_of_items
from maskscope.tasks import Task
from maskscope.tasks.functions import INDICES, FunctionData, ScoredOn
from maskscope.training import isolated_random
from maskscope.training.given_batches import function_or_iterable

# of parts of a list, this share is kept for scores, and never fewer than one
_HELD_OUT = 0.2
_LEAST_HELD_OUT = 2
# parts of a function of an index that scores are over
_SCORED = 16
# parts whose content stands for a function of an index
_FINGERPRINTS = 4
# all parts of an iterable are held in memory: so many, and so many bytes of tensors
_MOST_PARTS, _MOST_BYTES = 1 << 16, 4 << 30
# letters of a name, which is a part of file names
_LONGEST = 60


def function_data(
    name: str,
    batches: object,
    scored: object = None,
    *,
    hold_out: bool = False,
    batch_size: int | None = None,
    collate: Collate | None = None,
) -> FunctionData:
    """The data of a function as a user gives them.

    Args:
        name: of the function.
        batches: a data set; a list or another iterable of parts, of which a fifth is kept for scores; or a function of an index.
        scored: a data set, a list or another iterable of parts for scores; None: as said.
        batch_size: items of a part, if the data are single items; see `parts_of_items`.
        collate: makes a part of single items.
        hold_out: whether further parts are held out, to judge masks on while they are sought: a fifth of the rest, two at least.

    Raises:
        BatchesError: there are none, or they are no such thing.
    """
    batches = parts_of_items(name, batches, batch_size, collate)
    scored = None if scored is None else parts_of_items(name, scored, batch_size, collate)
    try:
        function, iterable = function_or_iterable(batches)
    except BatchesError as error:
        raise BatchesError(f"The batches of function {name}: {error}") from error
    own = None if scored is None else _parts(name, "parts for scores", _iterable(name, scored))
    if function is not None:
        return _of_function(name, function, own)
    parts = _parts(name, "batches", iterable)
    if own is None:
        kept = max(1, round(_HELD_OUT * len(parts))) if len(parts) > 1 else 0
        parts, own = (parts[:-kept], parts[-kept:]) if kept else (parts, parts)
    held_out: tuple[Any, ...] = ()
    if hold_out:
        count = max(_LEAST_HELD_OUT, round(_HELD_OUT * len(parts)))
        if len(parts) < count + 2:
            raise BatchesError(
                f"Function {name} has {len(parts)} parts to search with. To find the smallest mask that keeps a behaviour, "
                f"{count} of them are held out and at least 2 are searched with. Cut the data into at least "
                f"{_LEAST_HELD_OUT + 4} parts, pass a function of an index, or give config=MaskConfig(size=Penalty(weight))."
            )
        parts, held_out = parts[:-count], parts[-count:]
    seen = {fingerprint(part) for part in (*parts, *held_out)}
    where: ScoredOn = "parts seen in the search" if any(fingerprint(part) in seen for part in own) else "held-out parts"
    return FunctionData(name, parts, own, fingerprint((*parts, *held_out)), fingerprint(own), where, held_out)


def require_names(names: Iterable[object]) -> None:
    """Raises `ConfigError` unless functions have names that can be told apart, and used for files."""
    names = list(names)
    if not names:
        raise ConfigError('No functions were given; at least one was expected, as in functions={"add": batches}.')
    for name in names:
        if not isinstance(name, str):
            raise ConfigError(f"A function's name is {name!r}, of the type {type(name).__name__}; a text was expected.")
        if not 0 < len(name.strip()) == len(name) <= _LONGEST or not all(sign.isalnum() or sign in " _.-+" for sign in name):
            raise ConfigError(
                f"The function's name {name[:_LONGEST]!r} cannot be used: at most {_LONGEST} letters, digits, blanks inside, and "
                "the signs _ . - + were expected."
            )
        if name.lower() == Task.whole:
            raise ConfigError(
                f"A function is named {name!r}, and {Task.whole} is the name of all functions together. Take another name."
            )
    lower = [str(name).lower() for name in names]
    if twice := [str(name) for name in names if lower.count(str(name).lower()) > 1]:
        raise ConfigError(
            f"The names {', '.join(map(repr, twice))} differ in capital letters only, and are one name in the files of some "
            "systems. Rename one."
        )


def _of_function(name: str, function: Callable[[int], Any], own: tuple[Any, ...] | None) -> FunctionData:
    """The data of a function of an index; scores are over parts of indices that no search asks for."""

    def part(index: int) -> Any:
        try:
            return function(index)
        except MaskscopeError:
            raise
        except Exception as error:
            raise BatchesError(
                f"The batches of function {name} raised {type(error).__name__} for index {index}: {error}. Any index from 0 to "
                f"{INDICES + _SCORED - 1} is asked for; if there are fewer parts, use index % len(parts), or pass the list."
            ) from error

    first = [part(place) for place in range(_FINGERPRINTS)]
    digest = fingerprint(first)
    if digest != fingerprint([part(place) for place in range(_FINGERPRINTS)]):
        raise BatchesError(
            f"The batches of function {name} gave other parts for the same indices when they were asked twice, so that no run "
            "could go on where it stopped. Draw them from a generator that is seeded with the index: "
            "torch.Generator().manual_seed(index)."
        )
    where: ScoredOn = "held-out parts"
    if own is None:
        own = tuple(part(INDICES + place) for place in range(_SCORED))
        where = "parts of indices that no search asks for"
    return FunctionData(name, function, own, digest, fingerprint(own), where)


def _iterable(name: str, scored: object) -> Iterable[Any]:
    try:
        function, iterable = function_or_iterable(scored)
    except BatchesError as error:
        raise BatchesError(f"The parts for scores of function {name}: {error}") from error
    if function is not None:
        raise BatchesError(
            f"The parts for scores of function {name} are a function of an index, which has no end; a list of parts was expected."
        )
    return iterable


def _parts(name: str, what: str, given: Iterable[Any]) -> tuple[Any, ...]:
    """All parts. Shuffling loaders draw from torch's generator, and give the same parts each time, since it is seeded here."""
    parts, held = [], 0
    with isolated_random(0):
        for part in islice(given, _MOST_PARTS + 1):
            parts.append(part)
            held += _bytes_of(part)
            if len(parts) > _MOST_PARTS or held > _MOST_BYTES:
                raise BatchesError(
                    f"Function {name} has more {what} than are held in memory ({_MOST_PARTS:,}, {_MOST_BYTES >> 30} GiB), or "
                    "they have no end. Pass a function of an index that makes a part, or fewer parts."
                )
    if not parts:
        ended = ": the generator has ended; pass a list, or the generator function" if inspect.isgenerator(given) else ""
        raise BatchesError(f"Function {name} has no {what}{ended}. Give at least one part of its data.")
    return tuple(parts)


def _bytes_of(part: Any) -> int:
    if isinstance(part, Tensor):
        return part.numel() * part.element_size()
    if isinstance(part, Mapping):
        return sum(map(_bytes_of, part.values()))
    return sum(map(_bytes_of, part)) if isinstance(part, list | tuple) else int(getattr(part, "nbytes", 0))
