"""Tells the network apart from the argument that a loss gets: two objects that share one set of attributes.

A loss gets a *twin* of the network, which shares the network's attributes and so its replaced weights. If the loss calls the
network itself, as in ``mse(net(x), network(x))``, it would silently get the masked network instead of the trained one. That is an
error; `maskscope.unmasked` does what was meant.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NoReturn

import torch
from torch import nn

from maskscope.errors import GuestError

_OURS: ContextVar[bool] = ContextVar("whether our own code uses a network", default=False)


@contextmanager
def ours() -> Iterator[None]:
    """Inside the ``with`` block, it is our own code that uses networks, and not a loss."""
    token = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(token)


def is_ours() -> bool:
    """Whether the code that runs is inside `ours`."""
    return _OURS.get()


@contextmanager
def twin_of(network: nn.Module) -> Iterator[nn.Module]:
    """Gives a twin of the network inside the ``with`` block; the network itself cannot be called there.

    Exception: if the class has ``__del__``, it would run twice, so the network is its own twin; so it is for scripted modules.
    """
    its_class = type(network)
    true_class: Any = getattr(its_class, "_maskscope_true_class", its_class)
    if hasattr(true_class, "__del__") or isinstance(network, torch.jit.ScriptModule):
        yield network
        return
    twin = object.__new__(true_class)
    twin.__dict__ = vars(network)
    network.__class__ = _uncallable(true_class)
    try:
        yield twin
    finally:
        network.__class__ = its_class


@lru_cache(64)
def _uncallable(true_class: Any) -> Any:
    """A class of the same name whose objects cannot be called."""

    def refuse(self: nn.Module, *args: Any, **kwargs: Any) -> NoReturn:
        del args, kwargs
        raise GuestError(
            f"The loss called the {type(self).__name__} itself while it is masked, and not the network that it gets as its first "
            "argument. For the masked network, call that argument. For the network without a mask, for example if the loss "
            "compares the two, make `whole = maskscope.unmasked(network)` before the search and call `whole`."
        )

    return class_like(true_class, {"__call__": refuse, "_maskscope_true_class": true_class})


def class_like(true_class: Any, names: Mapping[str, Any]) -> Any:
    """A subclass of a module's class that has its name, and other attributes.

    Args:
        true_class: the class.
        names: what its subclass has of its own.
    """
    own = {**names, "__module__": true_class.__module__, "__qualname__": true_class.__qualname__}
    # The base is set after the class is made, so that __init_subclass__ and the metaclass of the true class are not called.
    made: Any = type(true_class.__name__, (nn.Module,), own)
    made.__bases__ = (true_class,)
    return made
