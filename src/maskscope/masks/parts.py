"""Copies parts of data of any structure, so that code that writes into one part does not change another."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskscope.masks.maskable import is_plain, reach

_ATOMS = (str, bytes, int, float, complex, bool, type(None), type, torch.dtype, torch.device)
_ALIGNMENT = 64
_SPARSEST = 16  # a view with fewer than one in 16 elements of its range of memory is copied without the gaps


class PartCopies:
    """Copies the parts of one step. An object that several parts share, other than a tensor, is also shared by the copies.

    Tensors, arrays and the usual containers are copied. Other objects are copied only if they contain a tensor or an array; if an
    object cannot be copied, the object itself is used.
    """

    def __init__(self) -> None:
        self._objects: dict[int, tuple[Any, Any]] = {}

    def copied(self, part: Any) -> Any:
        """A copy of the part in its own memory."""
        if isinstance(part, _ATOMS):
            return part
        if isinstance(part, Tensor):
            return _copied_tensor(part)
        if isinstance(part, np.ndarray):
            return part.copy(order="K")
        if type(part) in (list, tuple):
            return type(part)(self.copied(value) for value in part)
        if type(part) is dict:
            return {key: self.copied(value) for key, value in part.items()}
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return tuple.__new__(type(part), [self.copied(value) for value in part])
        return self._copied_object(part)

    def _copied_object(self, part: Any) -> Any:
        arrays = list(_arrays(part, set()))
        if not arrays:
            return part
        known = self._objects.get(id(part))
        if known is not None and is_same(part, known[1]):
            return known[1]
        memo = {id(array): self.copied(array) for array in arrays}
        try:
            made = copy.deepcopy(part, memo)
        except Exception:
            made = self._shallow(part)
        self._objects[id(part)] = part, made  # keeps the part alive, so that no other object gets its id
        return made

    def _shallow(self, part: Any) -> Any:
        """A new object with copies of the attributes, for objects that `copy.deepcopy` cannot copy."""
        try:
            made = copy.copy(part)
            for name, value in vars(part).items():
                made.__dict__[name] = part if value is part else self.copied(value)
        except Exception:
            return part
        return made


def is_same(first: Any, second: Any, seen: frozenset[tuple[int, int]] = frozenset()) -> bool:
    """Whether a part and its copy have the same values; objects that cannot be compared count as the same.

    Args:
        first: a part.
        second: its copy.
        seen: the pairs that are being compared already, for objects that contain themselves.
    """
    if first is second or (id(first), id(second)) in seen:
        return True
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return _is_same_tensor(first, second)
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return first.shape == second.shape and first.dtype == second.dtype and first.tobytes() == second.tobytes()
    if type(first) is not type(second):
        return False
    if isinstance(first, str | bytes | int | float):
        return bool(first == second or first != first)
    seen |= {(id(first), id(second))}
    if isinstance(first, Mapping):
        return list(first) == list(second) and all(is_same(first[key], second[key], seen) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(is_same(mine, its, seen) for mine, its in zip(first, second, strict=True))
    return is_same(_attributes(first), _attributes(second), seen)


def _arrays(value: Any, seen: set[int]) -> Iterator[Tensor | np.ndarray]:
    """The tensors and arrays in an object, also in its containers and attributes."""
    if isinstance(value, _ATOMS) or id(value) in seen or isinstance(value, torch.nn.Module) or callable(value):
        return
    seen.add(id(value))
    if isinstance(value, Tensor | np.ndarray):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _arrays(item, seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _arrays(item, seen)
    for item in _attributes(value).values():
        yield from _arrays(item, seen)


def _attributes(value: Any) -> dict[str, Any]:
    """The attributes of an object, also those in ``__slots__``."""
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ()) if isinstance(name, str)]
    held = {name: getattr(value, name, None) for name in slots if name not in ("__dict__", "__weakref__")}
    return held | getattr(value, "__dict__", {})


def _copied_tensor(tensor: Tensor) -> Tensor:
    """A copy with the same strides and the same alignment to cache lines, so that no sum is computed in another order."""
    plain = tensor.detach()
    if (tensor.requires_grad and not tensor.is_leaf) or type(plain) is not Tensor or not is_plain(plain) or not plain.numel():
        return tensor.clone()
    length = reach(plain)
    if length > _SPARSEST * plain.numel():
        made = plain.clone()
    else:
        shift = plain.data_ptr() % _ALIGNMENT // plain.itemsize
        memory = torch.empty(shift + length, dtype=plain.dtype, device=plain.device)
        # elements that expand() repeats are in memory once, and are copied once
        once = [size if stride else 1 for size, stride in zip(plain.shape, plain.stride(), strict=True)]
        source = plain.as_strided(once, plain.stride(), plain.storage_offset())
        memory.as_strided(once, plain.stride(), shift).copy_(source)
        made = memory.as_strided(plain.shape, plain.stride(), shift)
    return made.requires_grad_() if tensor.requires_grad else made


def _is_same_tensor(first: Tensor, second: Tensor) -> bool:
    """Compares shape, dtype and values (NaN equals NaN), and whether both are inference tensors, which autograd refuses."""
    if first.shape != second.shape or first.dtype != second.dtype or first.is_inference() != second.is_inference():
        return False
    if not is_plain(first) or not is_plain(second):
        return True
    first, second = first.detach(), second.detach()
    if torch.equal(first, second):
        return True
    if not first.is_floating_point() and not first.is_complex():
        return False
    return bool(((first == second) | (first.isnan() & second.isnan())).all())
