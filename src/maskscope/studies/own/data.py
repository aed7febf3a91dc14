"""The data of a user's functions, the names of these, and digests of both: what a study of them is pinned to."""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from maskscope.errors import BatchesError, ConfigError
from maskscope.storage import digest
from maskscope.tasks import Task
from maskscope.tasks.functions import FunctionData
from maskscope.training.given_batches import function_or_iterable

# of parts of a list, this share is kept for scores, and never fewer than one
_HELD_OUT = 0.2
# parts of a function of an index that scores are over, and where they begin: no search comes so far
_SCORED, _BEYOND = 16, 1 << 40
# parts whose content stands for a function of an index
_FINGERPRINTS = 4


def function_data(name: str, batches: object, scored: object = None) -> FunctionData:
    """The data of a function as a user gives them.

    Args:
        name: of the function.
        batches: a list or another iterable of parts, of which a fifth is kept for scores; or a function of an index.
        scored: parts for scores; None: as said.

    Raises:
        BatchesError: there are none, or they are no such thing.
    """
    function, iterable = function_or_iterable(batches)
    if function is not None:
        own = _parts(name, scored) if scored is not None else tuple(function(_BEYOND + place) for place in range(_SCORED))
        first = [function(place) for place in range(_FINGERPRINTS)]
        return FunctionData(name, function, own, fingerprint([first, list(own)]), True)
    parts = _parts(name, iterable)
    kept = max(1, round(_HELD_OUT * len(parts))) if scored is None and len(parts) > 1 else 0
    train, own = (parts[:-kept], parts[-kept:]) if kept else (parts, _parts(name, scored if scored is not None else parts))
    return FunctionData(name, train, own, fingerprint([list(train), list(own)]), scored is not None or kept > 0)


def fingerprint(value: Any) -> str:
    """A digest of tensors and whatever holds them: lists, tuples, mappings, dataclasses, plain values."""
    result = hashlib.sha256()
    _add(result, value)
    return result.hexdigest()[:16]


def code_fingerprint(function: Callable[..., Any]) -> str:
    """A digest of a function's source, or of its bytecode where there is no source. What it calls is no part of it."""
    try:
        return digest(inspect.getsource(function))[:16]
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        return digest([code.co_code.hex(), repr(code.co_consts)] if code else type(function).__qualname__)[:16]


def require_names(names: Iterable[str]) -> None:
    """Raises `ConfigError` unless functions have names that can be told apart, and used for files."""
    names = list(names)
    if not names:
        raise ConfigError('No functions were given; at least one was expected, as in functions={"add": batches}.')
    for name in names:
        if not name or not all(sign.isalnum() or sign in " _.-+" for sign in name):
            raise ConfigError(
                f"The function's name {name!r} cannot be used: letters, digits, blanks and the signs _ . - + were expected."
            )
    if Task.whole in names:
        raise ConfigError(f"A function is named {Task.whole!r}, which is the name of all functions together. Take another name.")
    lower = [name.lower() for name in names]
    if twice := [name for name in names if lower.count(name.lower()) > 1]:
        raise ConfigError(f"The names {', '.join(map(repr, twice))} are one name in the files of some systems. Rename one.")


def _parts(name: str, batches: object) -> tuple[Any, ...]:
    if not isinstance(batches, Iterable):
        raise BatchesError(f"Of function {name}, parts for scores are of the type {type(batches).__name__}; a list was expected.")
    parts = tuple(batches)
    if not parts:
        raise BatchesError(f"Function {name} has no batches: the iterable is empty. Give at least one part of its data.")
    return parts


def _add(result: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        flat = value.detach().cpu().contiguous().reshape(-1)
        result.update(f"{value.dtype}{tuple(value.shape)}".encode())
        result.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    elif isinstance(value, Mapping):
        for key in value:
            result.update(f"{key}:".encode())
            _add(result, value[key])
    elif isinstance(value, list | tuple):
        result.update(f"{len(value)}[".encode())
        for item in value:
            _add(result, item)
    elif isinstance(getattr(value, "__dict__", None), dict):
        _add(result, vars(value))
    else:
        result.update(repr(value).encode())
