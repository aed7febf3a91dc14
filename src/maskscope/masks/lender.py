"""The replacement of each tensor of a network during a call: its own memory is never written, and every use is masked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer

from maskscope.errors import GuestError
from maskscope.masks.guest import Belongings, held_by
from maskscope.masks.maskable import have_common, is_packed, is_plain, reach


@dataclass(frozen=True)
class Replaced:
    """A parameter and its replacement during a call.

    Args:
        name: its dotted name.
        parameter: the network's own tensor.
        replacement: a tensor of the same shape.
        is_masked: whether the replacement may have other values; False for a plain copy.
    """

    name: str
    parameter: Tensor
    replacement: Tensor
    is_masked: bool


class Lender:
    """Gives ("lends") a replacement for any tensor of the network.

    A parameter gets its replacement, a view of parameters gets the same view of their replacements, any other tensor a copy.

    Args:
        replaced: the parameters and their replacements.
    """

    def __init__(self, replaced: list[Replaced]) -> None:
        self._replaced = {id(one.parameter): one for one in replaced}
        self._lent: dict[int, tuple[Any, Any]] = {}  # keeps the original alive, so that no other object gets its id
        self._memory: dict[int, list[Replaced]] | None = None

    def __call__(self, one: Any) -> Any:
        """The replacement of a tensor or an array; the same each time.

        Raises:
            GuestError: it shares memory with a masked parameter in a way that cannot be followed.
        """
        if id(one) in self._replaced:
            return self._replaced[id(one)].replacement
        known = self._lent.get(id(one))
        if known is None:
            known = self._lent[id(one)] = (one, one.copy() if isinstance(one, np.ndarray) else self._copy(one))
        return known[1]

    def _copy(self, tensor: Tensor) -> Tensor:
        if isinstance(tensor, UninitializedBuffer):
            return tensor
        tensor = tensor.detach()
        sharing = self._over_memory(tensor) if is_plain(tensor) and tensor.numel() else []
        if not sharing:
            return tensor.clone()
        strange = [one.name for one in sharing if one.parameter.dtype != tensor.dtype]
        if tensor.is_conj() or tensor.is_neg() or strange:
            if any(one.is_masked for one in sharing):
                raise GuestError(
                    f"A tensor in an attribute or a buffer ({_words(tensor)}) shares the memory of {', '.join(strange)}, but has "
                    "another dtype. It would be used unmasked. Compute it from the parameter at each use, or exclude the "
                    "parameter from the selection."
                )
            return tensor.clone()
        view = _same_view(tensor, sharing[0]) if len(sharing) == 1 else None
        return _assembled(tensor, sharing) if view is None else view

    def _over_memory(self, tensor: Tensor) -> list[Replaced]:
        if self._memory is None:
            self._memory = {}
            for one in self._replaced.values():
                if is_plain(one.parameter) and one.parameter.numel():
                    self._memory.setdefault(one.parameter.untyped_storage().data_ptr(), []).append(one)
        here = self._memory.get(tensor.untyped_storage().data_ptr(), [])
        return [one for one in here if _overlap(one.parameter, tensor)]


def _same_view(tensor: Tensor, one: Replaced) -> Tensor | None:
    """The view of the replacement that corresponds to the tensor; None if the tensor is not a simple view of the parameter."""
    if not one.parameter.is_contiguous():
        return None
    start = tensor.storage_offset() - one.parameter.storage_offset()
    if start < 0 or start + reach(tensor) > one.parameter.numel():
        return None
    replacement = one.replacement.contiguous()
    return replacement.as_strided(tensor.shape, tensor.stride(), replacement.storage_offset() + start)


def _assembled(tensor: Tensor, sharing: list[Replaced]) -> Tensor:
    """Builds a tensor over the memory of several parameters: from their replacements, and in between from its own elements."""
    all_of_it = [tensor, *(one.parameter for one in sharing)]
    low = min(int(part.storage_offset()) for part in all_of_it)
    high = max(int(part.storage_offset()) + reach(part) for part in all_of_it)
    memory = tensor.as_strided((high - low,), (1,), low).clone()
    places = torch.arange(high - low, device=tensor.device)
    for one in sharing:
        mine = one.parameter
        where = places.as_strided(mine.shape, mine.stride(), int(mine.storage_offset()) - low).reshape(-1)
        memory = memory.scatter(0, where, one.replacement.reshape(-1).to(memory.dtype))
    return memory[places.as_strided(tensor.shape, tensor.stride(), int(tensor.storage_offset()) - low)]


def refuse_closures(network: nn.Module, belongings: Belongings, masked: Mapping[str, Tensor]) -> None:
    """Refuses a network if a function in it contains a masked parameter or a view of one, and would so use it without the mask.

    Args:
        network: the network, for the message.
        belongings: its attributes.
        masked: the masked parameters by name.

    Raises:
        GuestError: there is such a function; the message names the parameters and the functions.
    """
    faults = []
    for function in belongings.functions:
        title = function.__qualname__ if isinstance(function, FunctionType) else f"a functools.partial of {function.func}"
        for held in _tensors_held(held_by(function)):
            faults += [f"{name}: in {title}" for name, one in masked.items() if held is one or _is_view(held, one)]
    if faults:
        raise GuestError(
            f"{type(network).__name__} has parameters in places where they cannot be replaced and would be used unmasked:\n  "
            + "\n  ".join(faults)
            + "\nLet the function read the parameter from its module when it is called, or exclude it from the selection."
        )


def _tensors_held(values: Iterator[Any]) -> Iterator[Tensor]:
    for one in values:
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, tuple):
            yield from _tensors_held(iter(one))


def _is_view(tensor: Tensor, parameter: Tensor) -> bool:
    if not is_plain(tensor) or not is_plain(parameter) or not tensor.numel() or not parameter.numel():
        return False
    return tensor.untyped_storage().data_ptr() == parameter.untyped_storage().data_ptr() and _overlap(tensor, parameter)


def _overlap(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors over one storage share an element; computed quickly if both fill a contiguous range of it."""
    if first.dtype == second.dtype and is_packed(first) and is_packed(second):
        start = int(first.storage_offset() - second.storage_offset())
        return -first.numel() < start < second.numel()
    return have_common(first, second)


def _words(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
