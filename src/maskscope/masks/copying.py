"""Deep copies of networks, also of those that `copy.deepcopy` alone cannot copy, or copies wrongly without an error."""

import copy
from collections.abc import Iterable, Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.errors import GuestError
from maskscope.masks.guest import Belongings, held_by
from maskscope.masks.maskable import is_plain


def copy_network(network: nn.Module, shared: Iterable[Any] | None = None) -> nn.Module:
    """A deep copy of a network. Tensors with gradient history, which a call may leave on a network, are copied without it.

    Args:
        network: any module.
        shared: objects that network and copy have in common. By default they share nothing, and a view of a parameter becomes a
            view of the copied parameter.

    Raises:
        GuestError: an attribute of the network cannot be copied; or a function in an attribute refers to the network itself, so
            that the copy would use the weights of the original.
    """
    belongings = Belongings(network)
    bound = sorted({_title(function) for function in belongings.functions if _refers_to(function, network)})
    if bound:
        raise GuestError(
            f"{type(network).__name__} cannot be copied: functions that it holds refer to the network ({', '.join(bound)}), "
            "so the copy would use the original's weights. Make them methods of the module (types.MethodType), or remove them."
        )
    try:
        memo = {id(one): one for one in shared} if shared is not None else _copies_of_tensors(network, belongings)
        return copy.deepcopy(network, memo)
    except Exception as error:
        raise GuestError(
            f"{type(network).__name__} cannot be copied ({type(error).__name__}: {error}). Remove the attribute that cannot be "
            "copied."
        ) from error


def _copies_of_tensors(network: nn.Module, belongings: Belongings) -> dict[int, Any]:
    """Copies, by identity, of the tensors that `copy.deepcopy` cannot copy, or would copy out of the memory that they share."""
    by_memory: dict[int, list[Tensor]] = {}
    memo: dict[int, Any] = {}
    for tensor in {id(one): one for one in (*network.parameters(), *network.buffers(), *belongings.tensors())}.values():
        if is_plain(tensor):
            by_memory.setdefault(tensor.untyped_storage().data_ptr() if tensor.numel() else -1, []).append(tensor)
        elif tensor.layout is not torch.strided:
            memo[id(tensor)] = _like(tensor, tensor.detach().clone())
    for place, sharing in by_memory.items():
        if place == -1 or len(sharing) == 1:
            memo |= {id(one): one.detach().clone() for one in sharing if not one.is_leaf}
            continue
        memory = sharing[0].untyped_storage().clone()
        for one in sharing:
            empty = torch.empty(0, dtype=one.dtype, device=one.device)
            view = empty.set_(memory, int(one.storage_offset()), one.shape, one.stride())
            memo[id(one)] = _like(one, view)
    return memo


def _like(tensor: Tensor, values: Tensor) -> Tensor:
    """The values as a tensor of the same class, for example a parameter, with the same ``requires_grad``."""
    return torch.Tensor._make_subclass(type(tensor), values, tensor.is_leaf and tensor.requires_grad)


def _refers_to(function: FunctionType | partial[Any], network: nn.Module) -> bool:
    """Whether the closure of a function contains a module or a tensor of the network; a copy of the network would share it."""
    if isinstance(function, partial):  # its arguments are copied
        return False
    own = {id(one) for one in (*network.modules(), *network.parameters(), *network.buffers())}
    return any(id(one) in own for one in _objects(held_by(function), set()))


def _objects(values: Iterable[Any], seen: set[int]) -> Iterator[Any]:
    """The modules and tensors among some values: also those in containers, and the objects of bound methods."""
    for one in values:
        if id(one) in seen:
            continue
        if isinstance(one, nn.Module | Tensor):
            yield one
        elif isinstance(one, MethodType):
            yield one.__self__
        elif isinstance(one, list | tuple | set | dict):
            seen.add(id(one))
            yield from _objects(one.values() if isinstance(one, dict) else one, seen)


def _title(function: FunctionType | partial[Any]) -> str:
    return str(getattr(function, "__qualname__", function))
