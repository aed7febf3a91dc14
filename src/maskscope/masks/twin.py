"""The network itself and the network as a loss is given it: two objects over one set of attributes, to be told apart.

A loss is handed a *twin* of the network, which shares the network's attributes and so its replaced weights. Who calls the network
itself meanwhile, as in ``mse(net(x), network(x))``, would get the masked network and not the trained one. That is refused; what
was meant is `maskscope.unmasked`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NoReturn

import torch
from torch import nn

from maskscope.errors import GuestError


@contextmanager
def twin_of(network: nn.Module) -> Iterator[nn.Module]:
    """A twin for the length of the block, in which the network itself cannot be called.

    A class that says what is to happen when an object ends would have it happen twice; its object is its own twin.
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
            f"The {type(self).__name__} that is being masked was called itself, and not the network that the loss is given as "
            "its first argument. For the masked network, call that argument. For the network without a mask, as when the loss "
            "compares the two, make `whole = maskscope.unmasked(network)` before the search and call `whole`."
        )

    names = {
        "__call__": refuse,
        "_maskscope_true_class": true_class,
        "__module__": true_class.__module__,
        "__qualname__": true_class.__qualname__,
    }
    # A class that is told of its subclasses, or whose metaclass is, must not hear of this one: it is none when it is made.
    made: Any = type(true_class.__name__, (nn.Module,), names)
    made.__bases__ = (true_class,)
    return made
