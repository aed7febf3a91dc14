"""Checks what a user passes as ``batches``; if it cannot be used, the error says what to write instead."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from maskscope.errors import BatchesError

_FUNCTION = "a function batches(index) -> part"


def function_or_iterable(batches: object) -> tuple[Callable[[int], Any] | None, Iterable[Any]]:
    """Returns ``batches`` as a function of an index (and an empty iterable), or as None and an iterable of parts.

    A generator function without parameters counts as an iterable that can start again: it is called once for each pass.

    Raises:
        BatchesError: it is neither, or it is one part instead of many; the message says what to pass.
    """
    if isinstance(batches, Mapping) or (hasattr(batches, "keys") and hasattr(batches, "__getitem__")):
        raise BatchesError(f"batches is a {type(batches).__name__}, which is one part. {_many('batches')}")
    if isinstance(batches, Tensor | np.ndarray):
        raise BatchesError(
            f"batches is one {type(batches).__name__} of shape {list(batches.shape)}. If each row is a part, pass list(batches). "
            f"{_many('batches')}"
        )
    if isinstance(batches, str | bytes):
        raise BatchesError(f"batches is of type {type(batches).__name__}; {_FUNCTION}, or an iterable of parts, was expected.")
    if isinstance(batches, tuple | list):
        _refuse_one_part(batches)
    if _is_map_style(batches):
        raise BatchesError(
            f"batches is a {type(batches).__name__}, which gives items by their index. If an item is one example, pass a "
            "torch.utils.data.DataLoader over it, whose batch_size is that of a part (B / S items); if it is a whole part, pass "
            f"{_FUNCTION}: lambda index: data[index % len(data)]."
        )
    if callable(batches):
        return _function(batches)
    if isinstance(batches, Iterable):
        return None, batches
    raise BatchesError(
        f"batches is of type {type(batches).__name__}; a function of an index, or an iterable of parts, was expected. "
        f"{_many('batches')}"
    )


class _CalledAnew(Iterable[Any]):
    """An iterable over what a generator function yields; each pass calls the function again."""

    def __init__(self, function: Callable[[], Iterator[Any]]) -> None:
        self._function = function

    def __iter__(self) -> Iterator[Any]:
        return self._function()


def _function(batches: Callable[..., Any]) -> tuple[Callable[[int], Any] | None, Iterable[Any]]:
    name = getattr(batches, "__name__", type(batches).__name__)
    is_generator = inspect.isgeneratorfunction(batches) or inspect.isgeneratorfunction(getattr(batches, "__call__", None))  # noqa: B004
    if is_generator:
        if _takes(batches):
            return None, _CalledAnew(batches)
        raise BatchesError(
            f"batches is the generator function {name}, which wants arguments. Pass lambda: {name}(...) as a generator function "
            f"without parameters, a list of parts, or {_FUNCTION}."
        )
    if not _takes(batches, 0):
        raise BatchesError(
            f"batches is the function {name}, which cannot be called with an index alone. Pass {_FUNCTION}, or what it returns "
            "if that is an iterable of parts."
        )
    return batches, ()


def _takes(function: Callable[..., Any], *arguments: object) -> bool:
    """Whether the function can be called with these arguments; True if Python cannot tell."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _is_map_style(batches: object) -> bool:
    if isinstance(batches, Dataset):
        return not isinstance(batches, IterableDataset) and not hasattr(batches, "__iter__")
    return hasattr(batches, "__getitem__") and not isinstance(batches, Iterable) and not callable(batches)


def _refuse_one_part(batches: tuple[Any, ...] | list[Any]) -> None:
    """Refuses a tuple ``(x, y)``, which is one part. A list of tensors with one dtype and number of dimensions is many parts."""
    arrays = [part for part in batches if isinstance(part, Tensor | np.ndarray)]
    kinds = {(str(part.dtype), part.ndim) for part in arrays}
    if arrays and (isinstance(batches, tuple) or len(kinds) > 1):
        raise BatchesError(
            f"batches is a {type(batches).__name__} of {len(batches)} tensors, which looks like one part (x, y) and not like "
            f"many parts. {_many('batches')} If each tensor is a part, pass list(batches) of one dtype and number of dimensions."
        )


def _many(name: str) -> str:
    return f"To use one part at every step, pass [{name}]; else {_FUNCTION}, a list of parts, or a DataLoader."
