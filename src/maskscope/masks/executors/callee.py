"""What a loss gets in place of a network that is a chain: something that can be called, and nothing else.

The problem: to lend a network its masked weights, and to undo whatever a call leaves on it, takes as long as the arithmetic of a
small network. The trick: if a loss only calls its argument, no weight has to be lent, because the call runs the chain. Whatever
else a loss asks of it is an error, which the executor answers by lending the network, from then on.

How it could fail: the loss uses the network itself, or parts of it, which it knows from elsewhere. They have the weights without
a mask then. So in the first step that is the same error, and the executor's other way and the check of the first step say what
is wrong. A loss that begins later is not noticed, unless it calls the network.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NoReturn

from torch import nn

from maskscope.masks.twin import class_like, is_ours


class AsksForMoreError(Exception):
    """A loss asked something else of a network than to be called."""


class Callee:
    """Makes objects that are of a subclass of a network's class and can be called.

    Args:
        network: the network; nothing of it is in the objects.
    """

    def __init__(self, network: nn.Module) -> None:
        self._call: Callable[..., Any] = _nothing
        names = {
            "__call__": lambda _self, *args, **kwargs: self._call(*args, **kwargs),
            "__getattribute__": _refuse,
            "__setattr__": _refuse,
            "__delattr__": _refuse,
        }
        made = class_like(type(network), names)
        self._object: nn.Module = object.__new__(made)

    def that_does(self, call: Callable[..., Any]) -> nn.Module:
        """The object, which does this when it is called, until it is to do something else."""
        self._call = call
        return self._object


@contextmanager
def left_alone(networks: Sequence[nn.Module]) -> Iterator[None]:
    """Inside the ``with`` block, whatever is asked of these networks and their modules is an `AsksForMoreError`, but by us."""
    classes: list[tuple[nn.Module, Any]] = [(module, type(module)) for network in networks for module in network.modules()]
    try:
        for module, its_class in classes:
            module.__class__ = _alone(its_class)
        yield
    finally:
        for module, its_class in classes:
            object.__setattr__(module, "__class__", its_class)


@lru_cache(256)
def _alone(true_class: Any) -> Any:
    """A class of the same name whose objects can be used by our own code only."""

    def look(self: object, name: str) -> Any:
        if name not in ("__class__", "__setattr__") and not is_ours():
            raise AsksForMoreError(name)
        return super(made, self).__getattribute__(name)

    made = class_like(true_class, {"__getattribute__": look, "_maskscope_true_class": true_class})
    return made


def _refuse(_self: object, name: str, *_value: object) -> NoReturn:
    raise AsksForMoreError(name)


def _nothing(*args: Any, **kwargs: Any) -> None:
    del args, kwargs
