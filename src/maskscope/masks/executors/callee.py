"""What a loss gets in place of a network that is a chain: something that can be called, and nothing else.

The problem: to lend a network its masked weights, and to undo whatever a call leaves on it, takes as long as the arithmetic of a
small network. The trick: if a loss only calls its argument, no weight has to be lent, because the call runs the chain. Whatever
else a loss asks of it is an error, which the executor answers by lending the network, from then on.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from torch import nn


class AsksForMoreError(Exception):
    """A loss asked something else of a network than to be called."""


class Callee:
    """Makes objects that are of a subclass of a network's class and can be called.

    Args:
        network: the network; nothing of it is in the objects.
    """

    def __init__(self, network: nn.Module) -> None:
        self._call: Callable[..., Any] = _nothing
        true_class: Any = type(network)
        names = {
            "__call__": lambda _self, *args, **kwargs: self._call(*args, **kwargs),
            "__getattribute__": _refuse,
            "__setattr__": _refuse,
            "__delattr__": _refuse,
            "__module__": true_class.__module__,
            "__qualname__": true_class.__qualname__,
        }
        # The base is set after the class is made, so that __init_subclass__ and the metaclass of the true class are not called.
        made: Any = type(true_class.__name__, (nn.Module,), names)
        made.__bases__ = (true_class,)
        self._object: nn.Module = object.__new__(made)

    def that_does(self, call: Callable[..., Any]) -> nn.Module:
        """The object, which does this when it is called, until it is to do something else."""
        self._call = call
        return self._object


def _refuse(_self: object, name: str, *_value: object) -> NoReturn:
    raise AsksForMoreError(name)


def _nothing(*args: Any, **kwargs: Any) -> None:
    del args, kwargs
