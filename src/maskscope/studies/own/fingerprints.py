"""Digests of what a user gives: tensors and what holds them, functions, networks. A run is pinned to them."""

import functools
import hashlib
import re
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from maskscope.storage import tensor_digest

# where an object is in memory, which is another place in every process
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (int, float, complex, str, bytes, bool, type(None))
# what is part of a function's digest if the function takes it from its module or from the function around it
_HELD = (*_PLAIN, Tensor, np.ndarray, nn.Module, types.FunctionType, types.MethodType, functools.partial)


def fingerprint(value: Any) -> str:
    """A digest of tensors, arrays and whatever holds them: lists, tuples, mappings, objects with fields, plain values.

    That of a function is of what it does, without names of files, comments and layout. Functions of the same module that it calls
    are part of it, and so are plain values, tensors and networks that it takes from its module or from the function around it.
    Imported code is not.
    """
    result = hashlib.sha256()
    _add(result, value, ())
    return result.hexdigest()[:16]


def network_fingerprint(network: nn.Module) -> str:
    """A digest of weights and buffers, of the modules as torch prints them, and of the user's own ``forward`` methods."""
    own = {type(module) for module in network.modules() if not type(module).__module__.startswith("torch.")}
    forwards = {kind.__qualname__: kind.forward for kind in sorted(own, key=lambda kind: kind.__qualname__)}
    return fingerprint([dict(network.state_dict()), _without_address(repr(network)), forwards])


def _add(result: Any, value: Any, above: tuple[int, ...]) -> None:
    """Adds a value.

    Args:
        result: the digest.
        value: any.
        above: what holds it, by identity, so that what holds itself ends.
    """
    if isinstance(value, _PLAIN):
        result.update(f"{type(value).__name__} {value!r};".encode())
        return
    if id(value) in above:
        result.update(b"above;")
        return
    above = (*above, id(value))
    if isinstance(value, Tensor):
        result.update(tensor_digest(value).encode())
    elif isinstance(value, np.ndarray | np.generic):
        result.update(f"{value.dtype}{value.shape}".encode())
        _add(result, value.tolist() if value.dtype.hasobject else value.tobytes(), above)
    elif isinstance(value, Mapping):
        _add_all(result, "mapping", [item for pair in value.items() for item in pair], above)
    elif isinstance(value, list | tuple):
        _add_all(result, "list", list(value), above)
    elif isinstance(value, set | frozenset):
        _add_all(result, "set", sorted(fingerprint(item) for item in value), above)
    elif isinstance(value, functools.partial):
        _add_all(result, "partial", [value.func, value.args, value.keywords], above)
    elif isinstance(value, types.MethodType):
        itself = value.__self__
        _add_all(result, "method", [value.__func__, itself if isinstance(itself, nn.Module) else _held(vars(itself))], above)
    elif isinstance(value, types.FunctionType):
        _add_all(result, "function", _function(value), above)
    elif isinstance(value, nn.Module):
        _add_all(result, "network", [network_fingerprint(value)], above)
    elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, type):
        calls = [vars(kind)["__call__"] for kind in type(value).__mro__ if "__call__" in vars(kind)]
        _add_all(result, type(value).__qualname__, [*calls, _held(vars(value)) if calls else vars(value)], above)
    else:
        result.update(_without_address(repr(value)).encode())


def _add_all(result: Any, kind: str, items: list[Any], above: tuple[int, ...]) -> None:
    result.update(f"{kind} {len(items)}[".encode())
    for item in items:
        _add(result, item, above)


def _code(code: types.CodeType) -> list[Any]:
    """What Python does for a function; functions inside it included."""
    constants = [_code(one) if isinstance(one, types.CodeType) else one for one in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants]


def _function(function: types.FunctionType) -> list[Any]:
    if (function.__module__ or "").startswith("torch."):  # code that is executed as text has no module
        return [function.__module__, function.__qualname__]
    around = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    cells = {name: cell.cell_contents for name, cell in around if _is_set(cell)}
    used = {name: function.__globals__[name] for name in sorted(_names(function.__code__)) if name in function.__globals__}
    own = {name: one for name, one in used.items() if getattr(one, "__module__", function.__module__) == function.__module__}
    modules = {name: one for name, one in used.items() if isinstance(one, nn.Module)}
    defaults = [function.__defaults__, function.__kwdefaults__]
    return [_code(function.__code__), defaults, _held(cells), _held(own | modules)]


def _held(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in values.items() if isinstance(one, _HELD)}


def _names(code: types.CodeType) -> set[str]:
    inner = (one for one in code.co_consts if isinstance(one, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _is_set(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _without_address(text: str) -> str:
    return _ADDRESS.sub("", text)
