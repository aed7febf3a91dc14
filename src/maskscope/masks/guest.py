"""What a network holds beside its parameters and buffers: lent as copies for a call, and given back as it was.

A module may keep things on itself while it runs: hidden states, attention maps, caches, counters, lists that grow, a buffer made
at first use. None of it may stay on the guest, and none of it may reach the next call: each begins from one and the same state.
And a module may hold a parameter a second time, where `functional_call` does not look: in a list, in a dictionary, as a view.
"""

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maskscope.errors import GuestError

_NOTHING = object()
# What is neither changed in place nor holds anything: the most frequent kinds of attributes, passed over at once.
_PLAIN = frozenset((bool, int, float, complex, str, bytes, type(None), type, torch.dtype, torch.device, torch.Size))
_STANDARD = frozenset(("_parameters", "_buffers"))


class Belongings:
    """The attributes of all modules of a network as they stand, and what lies in their lists, dictionaries, sets and deques.

    Reached are modules, registered or held in an attribute; containers in attributes, and in each other. What an attribute's own
    object keeps to itself is not reached: `maskscope.masks.laws` notices it.

    Args:
        network: any module.
    """

    def __init__(self, network: nn.Module) -> None:
        self._registered = {id(module) for module in network.modules()}
        self._dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self._lendable: list[tuple[dict[Any, Any] | list[Any] | deque[Any], Any]] = []
        self._sequences: list[tuple[list[Any] | deque[Any], list[Any]]] = []
        self._sets: list[tuple[set[Any], set[Any]]] = []
        self._generators: list[tuple[torch.Generator, Tensor]] = []
        self.functions: list[FunctionType | MethodType | partial[Any]] = []
        self._seen: set[int] = set()
        waiting: list[Any] = [network]
        while waiting:
            self._look_at(waiting.pop(), waiting)

    def _look_at(self, one: Any, waiting: list[Any]) -> None:
        if type(one) in _PLAIN or id(one) in self._seen:
            return
        if isinstance(one, nn.Module):
            self._seen.add(id(one))
            self._remember_dict(vars(one), waiting)
            if id(one) in self._registered:
                for name in _STANDARD:  # `functional_call` replaces what is in them
                    content = vars(one).get(name)
                    if type(content) is dict:
                        self._seen.add(id(content))
                        self._dicts.append((content, dict(content)))
        elif isinstance(one, dict):
            self._seen.add(id(one))
            self._remember_dict(one, waiting)
        elif isinstance(one, list | deque):
            self._seen.add(id(one))
            self._sequences.append((one, list(one)))
            self._remember_values(one, enumerate(one), waiting)
        elif isinstance(one, set):
            self._seen.add(id(one))
            self._sets.append((one, set(one)))
        elif isinstance(one, tuple):
            waiting.extend(one)
        elif isinstance(one, torch.Generator):
            self._seen.add(id(one))
            self._generators.append((one, one.get_state()))
        elif isinstance(one, FunctionType | MethodType | partial):
            self.functions.append(one)

    def _remember_dict(self, container: dict[Any, Any], waiting: list[Any]) -> None:
        self._dicts.append((container, dict(container)))
        if container:
            self._remember_values(container, container.items(), waiting)

    def _remember_values(self, container: Any, items: Any, waiting: list[Any]) -> None:
        for key, value in items:
            kind = type(value)
            if kind in _PLAIN:
                continue
            if isinstance(value, Tensor | np.ndarray):
                self._lendable.append((container, key))
                continue
            if isinstance(value, tuple) and _holds_tensor(value):
                self._lendable.append((container, key))
            waiting.append(value)

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor that is lent, those in tuples too."""
        for container, key in self._lendable:
            yield from _tensors_of(container[key])

    def lend(self, replacement: Callable[[Any], Any]) -> None:
        """Puts a replacement in the place of every tensor and every NumPy array, until `restore`.

        Args:
            replacement: what is lent for one of them.
        """
        for container, key in self._lendable:
            # a module's attributes are written past its own __setattr__, which would register parameters
            container[key] = _with_replacements(container[key], replacement)

    def changes(self, network: nn.Module) -> list[str]:
        """The dotted names of attributes that are other objects now, or are gone or new."""
        names = {id(vars(module)): name for name, module in network.named_modules()}
        changed = []
        for container, content in self._dicts:
            if id(container) in names:
                keys = [key for key in {**container, **content} if container.get(key, _NOTHING) is not content.get(key, _NOTHING)]
                changed += [f"{names[id(container)]}.{key}".lstrip(".") for key in keys]
        return changed

    def restore(self) -> None:
        """Puts everything back: the same objects in the same places."""
        for container, content in self._dicts:
            if len(container) != len(content) or any(container.get(key, _NOTHING) is not value for key, value in content.items()):
                container.clear()
                container.update(content)
        for sequence, items in self._sequences:
            if len(sequence) != len(items) or any(mine is not its for mine, its in zip(sequence, items, strict=True)):
                sequence.clear()
                sequence.extend(items)
        for members, before in self._sets:
            if members != before:
                members.clear()
                members.update(before)
        for generator, state in self._generators:
            generator.set_state(state)


def _holds_tensor(value: tuple[Any, ...]) -> bool:
    return any(isinstance(one, Tensor | np.ndarray) or (isinstance(one, tuple) and _holds_tensor(one)) for one in value)


def _tensors_of(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _tensors_of(one)


def _with_replacements(value: Any, replacement: Callable[[Any], Any]) -> Any:
    if isinstance(value, Tensor | np.ndarray):
        return replacement(value)
    if not isinstance(value, tuple):
        return value
    items = [_with_replacements(one, replacement) for one in value]
    return type(value)(*items) if hasattr(value, "_fields") else tuple(items)


class Lender:
    """What is lent for each tensor of a guest: parameters by what replaces them, views of parameters by views of that, and copies
    for the rest, so that the guest's own memory is never written.

    Args:
        replaced: what is lent for a parameter, by the parameter's identity, as pairs of both.
    """

    def __init__(self, replaced: Mapping[int, tuple[Tensor, Tensor]]) -> None:
        self._replaced = replaced
        self._lent: dict[int, tuple[Any, Any]] = {}  # with the original, lest its identity is given to another object
        self._memory: dict[int, list[tuple[Tensor, Tensor]]] | None = None

    def __call__(self, one: Any) -> Any:
        """The replacement of a tensor or an array; the same each time."""
        if id(one) in self._replaced:
            return self._replaced[id(one)][1]
        known = self._lent.get(id(one))
        if known is None:
            known = self._lent[id(one)] = (one, one.copy() if isinstance(one, np.ndarray) else self._copy(one))
        return known[1]

    def _copy(self, tensor: Tensor) -> Tensor:
        tensor = tensor.detach()
        if tensor.layout == torch.strided and not tensor.is_meta and tensor.numel():
            for parameter, replacement in self._over_memory(tensor):
                view = _same_view(tensor, parameter, replacement)
                if view is not None:
                    return view
        return tensor.clone()

    def _over_memory(self, tensor: Tensor) -> list[tuple[Tensor, Tensor]]:
        if self._memory is None:
            self._memory = {}
            for parameter, replacement in self._replaced.values():
                if parameter.layout == torch.strided and not parameter.is_meta:
                    self._memory.setdefault(parameter.untyped_storage().data_ptr(), []).append((parameter, replacement))
        return self._memory.get(tensor.untyped_storage().data_ptr(), [])


def _same_view(tensor: Tensor, parameter: Tensor, replacement: Tensor) -> Tensor | None:
    """The view of the replacement that the tensor is of the parameter; None if it is no view of it that could be had."""
    if tensor.dtype != parameter.dtype or tensor.is_conj() or tensor.is_neg():
        return None
    if not parameter.is_contiguous() or not replacement.is_contiguous():
        return None
    start = tensor.storage_offset() - parameter.storage_offset()
    reach = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    if start < 0 or start + reach > parameter.numel():
        return None
    return replacement.as_strided(tensor.shape, tensor.stride(), replacement.storage_offset() + start)


def refuse_closures(network: nn.Module, belongings: Belongings, names: Mapping[int, str]) -> None:
    """Refuses a network one of whose functions holds a masked parameter in its closure or its arguments, and so unmasked.

    Args:
        network: the guest, for the message.
        belongings: its attributes.
        names: of the masked parameters, by identity.

    Raises:
        GuestError: names the parameters and the functions.
    """
    faults = []
    for function in belongings.functions:
        title = getattr(function, "__qualname__", type(function).__name__)
        faults += [f"{names[id(one)]}: in {title}" for one in _held_by(function) if id(one) in names]
    if faults:
        raise GuestError(
            f"{type(network).__name__} holds parameters where they cannot be replaced, so that they would be used unmasked:\n  "
            + "\n  ".join(faults)
            + "\nLet the function read the parameter from its module when it is called, or exclude it from the selection."
        )


def _held_by(function: FunctionType | MethodType | partial[Any]) -> Iterator[Any]:
    if isinstance(function, partial):
        yield from (*function.args, *function.keywords.values())
        function = function.func  # type: ignore[assignment]
    for cell in getattr(function, "__closure__", None) or ():  # a method has its function's
        with suppress(ValueError):  # a cell may be empty
            yield cell.cell_contents


def copy_network(network: nn.Module, shared: Iterable[Any] | None = None) -> nn.Module:
    """A deep copy, also of a network on which a call has left tensors with their history: they are copied without it.

    Args:
        network: any module.
        shared: objects that the copy holds too instead of copies of them; without them, what is a view of a parameter is a view
            of the copied parameter in the copy.

    Raises:
        GuestError: something on the network cannot be copied.
    """
    try:
        memo = _copies_of_tensors(network) if shared is None else {id(one): one for one in shared}
        return copy.deepcopy(network, memo)
    except Exception as error:
        raise GuestError(
            f"{type(network).__name__} cannot be copied ({type(error).__name__}: {error}). Take what cannot be copied off its "
            "attributes."
        ) from error


def _copies_of_tensors(network: nn.Module) -> dict[int, Any]:
    memo: dict[int, Any] = {}
    replaced = {id(one): (one, copy.deepcopy(one, memo)) for one in network.parameters()}
    lender = Lender({place: (one, copied.detach()) for place, (one, copied) in replaced.items()})
    for tensor in (*network.buffers(), *Belongings(network).tensors()):
        if id(tensor) not in memo:
            memo[id(tensor)] = lender(tensor).requires_grad_(tensor.is_leaf and tensor.requires_grad)
    return memo
