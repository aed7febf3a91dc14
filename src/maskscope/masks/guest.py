"""The attributes of a network besides parameters and buffers: saved before a masked call, and restored after it.

The problem: a module may store things on itself while it runs: hidden states, attention maps, caches, counters, growing lists, a
buffer created at first use. None of them may stay on the network (the guest) or reach the next call: every call must start from
the same state. A module may also have a second reference to a parameter, which `functional_call` does not replace: in a list, in
a dictionary, as a view.

The trick: before a call, remember the content of all attributes and containers, and replace ("lend") their tensors; after the
call, put the same objects back.
"""

import random
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_NOTHING = object()
# Types that cannot be changed in place and contain no other objects: the most frequent attributes, skipped at once.
_PLAIN = frozenset((bool, int, float, complex, str, bytes, type(None), type, torch.dtype, torch.device, torch.Size))
_STANDARD = frozenset(("_parameters", "_buffers"))
_RANDOM = (torch.Generator, random.Random, np.random.Generator, np.random.RandomState)


class Belongings:
    """The current attributes of all modules of a network, and the content of their lists, dictionaries, sets and deques.

    Included are modules, registered or in an attribute; containers in attributes or in other containers; and both in the closures
    of functions in attributes, such as hooks. Not included are the attributes of other objects in attributes; if such an object
    keeps state, `maskscope.masks.laws` detects it.

    Args:
        network: any module.
        hooks_collect: whether what functions put into containers in their closures stays there. True for a masked call, whose
            caller wants the collected values; False in a search, where they would pile up and mean nothing.
    """

    def __init__(self, network: nn.Module, *, hooks_collect: bool = False) -> None:
        self._registered = {id(module) for module in network.modules()}
        self._dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self._lendable: list[tuple[dict[Any, Any] | list[Any] | deque[Any], Any]] = []
        self._sequences: list[tuple[list[Any] | deque[Any], list[Any]]] = []
        self._sets: list[tuple[set[Any], set[Any]]] = []
        self._generators: list[tuple[Callable[[Any], object], Any]] = []
        self.functions: list[FunctionType | partial[Any]] = []
        self._seen: set[int] = set()
        self._own: list[Any] = [network]
        self._in_closures: list[Any] = [] if hooks_collect else self._own
        self._replaced: list[tuple[Any, Any, Any, Any]] = []
        while self._own or self._in_closures:
            waiting = self._own or self._in_closures
            self._look_at(waiting.pop(), waiting)

    def _look_at(self, one: Any, waiting: list[Any]) -> None:
        if type(one) in _PLAIN or id(one) in self._seen:
            return
        if isinstance(one, nn.Module):
            self._seen.add(id(one))
            self._remember_dict(vars(one), self._own)
            if id(one) in self._registered:
                for name in _STANDARD:  # `functional_call` replaces their content
                    content = vars(one).get(name)
                    if type(content) is dict:
                        self._seen.add(id(content))
                        self._dicts.append((content, dict(content)))
        elif waiting is not self._own and isinstance(one, dict | list | deque):
            self._seen.add(id(one))
            self._remember_values(one, one.items() if isinstance(one, dict) else enumerate(one), waiting)
        elif isinstance(one, dict):
            self._seen.add(id(one))
            self._remember_dict(one, waiting)
        elif isinstance(one, list | deque):
            self._seen.add(id(one))
            self._sequences.append((one, list(one)))
            self._remember_values(one, enumerate(one), waiting)
        elif isinstance(one, set) and waiting is self._own:
            self._seen.add(id(one))
            self._sets.append((one, set(one)))
        elif isinstance(one, tuple):
            waiting.extend(one)
        elif isinstance(one, MethodType):
            waiting.append(one.__func__)
            if isinstance(one.__self__, nn.Module):
                waiting.append(one.__self__)
        elif isinstance(one, FunctionType | partial):
            self._seen.add(id(one))
            self.functions.append(one)
            self._in_closures.extend(held_by(one))
        elif isinstance(one, _RANDOM):
            self._seen.add(id(one))
            self._generators.append(_state_of(one))

    def _remember_dict(self, container: dict[Any, Any], waiting: list[Any]) -> None:
        if not container:  # most are empty: a module has a dozen dictionaries for hooks
            self._dicts.append((container, {}))
            return
        self._dicts.append((container, dict(container)))
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
        """Every tensor that `lend` replaces, also those in tuples."""
        for container, key in self._lendable:
            yield from _tensors_of(container[key])

    def lend(self, replacement: Callable[[Any], Any]) -> None:
        """Replaces every tensor and every NumPy array, until `restore`.

        Args:
            replacement: a function from a tensor or an array to its replacement.
        """
        self._replaced = []
        for container, key in self._lendable:
            # written into vars(module), not by its __setattr__, which would register parameters
            original, container[key] = container[key], _with_replacements(container[key], replacement)
            self._replaced.append((container, key, container[key], original))

    def changes(self, network: nn.Module) -> list[str]:
        """The dotted names of attributes that were added, removed, or set to another object since."""
        names = {id(vars(module)): name for name, module in network.named_modules()}
        changed = []
        for container, content in self._dicts:
            if id(container) in names:
                keys = [key for key in {**container, **content} if container.get(key, _NOTHING) is not content.get(key, _NOTHING)]
                changed += [f"{names[id(container)]}.{key}".lstrip(".") for key in keys]
        return changed

    def is_unchanged(self) -> bool:
        """Whether all attributes and containers have the same content as before."""
        return (
            all(now.keys() == then.keys() and _same(now.values(), then.values()) for now, then in self._dicts)
            and all(_same(now, then) for now, then in self._sequences)
            and all(now == then for now, then in self._sets)
        )

    def restore(self) -> None:
        """Puts everything back: the same objects in the same places."""
        for container, key, lent, original in self._replaced:
            with suppress(LookupError):  # the owner of the container may have removed it
                if container[key] is lent:
                    container[key] = original
        for container, content in self._dicts:
            if not content and not container:
                continue
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
        for put_back, state in self._generators:
            put_back(state)


def _same(now: Collection[Any], then: Collection[Any]) -> bool:
    """Whether two collections hold the same objects in the same order."""
    return len(now) == len(then) and all(first is second for first, second in zip(now, then, strict=True))


def held_by(function: FunctionType | partial[Any]) -> Iterator[Any]:
    """The objects that a function contains by itself: in its closure, its defaults, and arguments bound by ``partial``."""
    if isinstance(function, partial):
        yield from (function.func, *function.args, *function.keywords.values())
        return
    yield from (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # a cell may be empty
            yield cell.cell_contents


def _state_of(one: Any) -> tuple[Callable[[Any], object], Any]:
    """The function that restores a random generator, and the state to give to it."""
    if isinstance(one, torch.Generator):
        return one.set_state, one.get_state()
    if isinstance(one, random.Random):
        return one.setstate, one.getstate()
    if isinstance(one, np.random.RandomState):
        return one.set_state, one.get_state()
    return partial(setattr, one.bit_generator, "state"), one.bit_generator.state


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
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
