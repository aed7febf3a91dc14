"""Single items, as data sets have them, made into parts: a data set, or a list of items that hold plain numbers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from maskscope.errors import BatchesError

Collate = Callable[[list[Any]], Any]
# items of a part, if nobody says; of a small data set fewer, so that there are at least so many parts
_ITEMS, _PARTS = 32, 20


def parts_of_items(name: str, given: object, batch_size: int | None, collate: Collate | None) -> object:
    """A loader over single items, in one shuffled order that is always the same; what holds no single items is as it was.

    Args:
        name: of the function.
        given: what a user gives as data.
        batch_size: items of a part; None: 32, or a twentieth of the items if that is less.
        collate: makes a part of a list of items; None: torch's way, and lists of numbers become tensors.

    Raises:
        BatchesError: there are no items, their number is not a whole number above 0, or they are of several lengths.
    """
    if not _is_data_set(given) and not _is_list_of_items(given):
        if batch_size is not None or collate is not None:
            raise BatchesError(
                f"batch_size and collate make parts of single items, and the data of function {name} are a "
                f"{type(given).__name__} of parts already. Leave them out, or pass a torch Dataset."
            )
        return given
    items: Any = given
    count = len(items)
    if not count:
        raise BatchesError(f"The data set of function {name} is empty; at least one item was expected.")
    asked: object = batch_size  # the user's, whatever its type
    if asked is not None and not (isinstance(asked, int) and asked > 0):
        raise BatchesError(f"batch_size is {batch_size}; a whole number of at least 1 item was expected.")
    size = batch_size or max(1, min(_ITEMS, count // _PARTS))

    def together(chosen: list[Any]) -> Any:
        if collate is not None:
            return collate(chosen)
        try:
            return default_collate([_as_tensors(item) for item in chosen])
        except (RuntimeError, TypeError, ValueError) as error:
            raise BatchesError(
                f"The items of function {name} cannot be put together into one part: {' '.join(str(error).split())} Give "
                "collate=, a function of a list of items that returns a part, such as a data collator of transformers that pads."
            ) from error

    order = torch.Generator().manual_seed(0)
    return DataLoader(items, batch_size=size, shuffle=True, generator=order, collate_fn=together)


def _is_data_set(given: object) -> bool:
    """Whether it is a data set of single items: of torch, or of the package datasets."""
    if isinstance(given, Dataset):
        return not isinstance(given, IterableDataset) and hasattr(given, "__len__")
    return hasattr(given, "column_names") and hasattr(given, "__getitem__") and hasattr(given, "__len__")


def _is_list_of_items(given: object) -> bool:
    """Whether it is a list whose first entry holds numbers only, and lists of these: a part would have tensors."""
    if not isinstance(given, list) or not given or not isinstance(given[0], Mapping):
        return False
    return all(_is_plain(value) for value in given[0].values())


def _is_plain(value: object) -> bool:
    if isinstance(value, Tensor):
        return value.dim() == 0
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(map(_is_plain, value))
    return isinstance(value, int | float | str | np.number)


def _as_tensors(item: Any) -> Any:
    """An item with its lists of numbers as tensors."""
    if isinstance(item, Mapping):
        return {key: _as_tensors(value) for key, value in item.items()}
    if isinstance(item, list) and item and all(isinstance(one, int | float | bool | list) for one in item):
        return torch.tensor(item)
    return item
