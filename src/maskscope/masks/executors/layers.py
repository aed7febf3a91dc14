"""Networks that are a chain: linear layers and functions of single numbers, one after the other.

The problem: more than half of a step of a small network is Python: modules, `vmap`, a function of autograd for each layer. The
trick: what the network does is recorded once, and if it is a chain, later calls run the list of its layers instead (`chain.py`).

How it could fail: another call of the network does something else, or somebody waits for what a module does besides. Therefore
nothing is a chain whose modules have hooks, write an attribute or do any other operation on a tensor, and a recording counts for
inputs of one shape. What modules write elsewhere, such as in a list outside the network, is not noticed; the recorded call has
an input full of NaN, so that a loss that uses it is NaN.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode

from maskscope.masks.call import call_with
from maskscope.masks.guest import Belongings
from maskscope.masks.twin import ours


@dataclass(frozen=True)
class Affine:
    """A linear layer: the canonical names of its weight and of its bias, which may have none."""

    weight: str
    bias: str | None


@dataclass(frozen=True)
class Pointwise:
    """A function of single numbers, with its further arguments."""

    function: Callable[..., Tensor]
    arguments: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()

    def __call__(self, x: Tensor) -> Tensor:
        """The function of every number."""
        return self.function(x, *self.arguments, **dict(self.named))

    @property
    def is_relu(self) -> bool:
        """Whether it is max(x, 0), whose derivative can be read off its value."""
        return self.function in _RELU


Layer = Affine | Pointwise

_RELU = (torch.relu, functional.relu, Tensor.relu)
_POINTWISE = frozenset(
    (
        *_RELU,
        *(torch.tanh, Tensor.tanh, torch.sigmoid, Tensor.sigmoid, functional.gelu, functional.silu, functional.elu),
        *(functional.leaky_relu, functional.softplus),
    )
)
_ASK_ONLY = frozenset(("dim", "size", "numel", "is_floating_point", "is_complex"))
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Chains:
    """What a network does to inputs of each shape, if it is a chain.

    Args:
        network: any module, in the mode in which it will be called.
    """

    def __init__(self, network: nn.Module) -> None:
        own = "forward" in vars(network) or type(network).__call__ is not nn.Module.__call__ or hasattr(type(network), "__del__")
        modules = list(network.modules())
        hooked = any(getattr(module, hooks) for module in modules for hooks in _HOOKS) or torch_module._has_any_global_hook()
        self.may_be = not own and not hooked and any(type(module) is nn.Linear for module in network.modules())
        self._network = network
        self._known: dict[tuple[torch.Size, torch.dtype], tuple[Layer, ...] | None] = {}

    def of(self, x: Tensor) -> tuple[Layer, ...] | None:
        """The layers, in their order, for inputs like this one; None if the network is no chain.

        Args:
            x: an input; only its shape and its dtype count.
        """
        key = (x.shape, x.dtype)
        if key not in self._known:
            empty = torch.full(x.shape, float("nan"), dtype=x.dtype, device=x.device) if x.is_floating_point() else None
            found = [] if empty is None else [_recorded(self._network, empty) for _ in range(2)]
            self._known[key] = found[0] if found and found[0] == found[1] else None
        return self._known[key]


def _recorded(network: nn.Module, x: Tensor) -> tuple[Layer, ...] | None:
    """The layers of one call of the network, which leaves nothing on it."""

    def recorded(guest: nn.Module) -> tuple[Layer, ...] | None:
        before = Belongings(guest)
        recorder = _Recorder({id(tensor): name for name, tensor in guest.named_parameters()}, x)
        with torch.no_grad(), recorder:
            last = type(guest).forward(guest, x)
        is_chain = recorder.is_chain and last is recorder.last and before.is_unchanged()
        return tuple(recorder.layers) if is_chain else None

    try:
        with ours():
            return call_with(network, {}, recorded)
    except Exception:  # the user's code; if it fails, the true call fails in the same way
        return None


class _Recorder(TorchFunctionMode):
    """Notes the operations of a forward pass as long as each works on the result of the one before it."""

    def __init__(self, names: Mapping[int, str], x: Tensor) -> None:
        super().__init__()
        self._names, self.last = names, x
        self.layers: list[Layer] = []
        self.is_chain = x.dim() > 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunction():
            result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name in _ASK_ONLY or (name == "__get__" and not isinstance(result, Tensor)):
            return result
        layer = self._layer(func, args, dict(kwargs)) if args and args[0] is self.last else None
        if layer is None:
            self.is_chain = False
        else:
            self.layers += layer
        self.last = result
        return result

    def _layer(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Layer] | None:
        if func is functional.linear:
            given = [*args[1:], *kwargs.values()]
            names = [None if one is None else self._names.get(id(one), "") for one in given]
            known = len(names) in (1, 2) and names[0] and "" not in names
            return [Affine(str(names[0]), names[1] if len(names) > 1 else None)] if known else None
        if func is functional.dropout and not kwargs.get("training", args[2] if len(args) > 2 else True):
            return []
        if kwargs.pop("inplace", False) and not self.layers:
            return None  # it writes into the input
        if func not in _POINTWISE or any(isinstance(one, Tensor) or one is True for one in (*args[1:], *kwargs.values())):
            return None  # True: in place
        return [Pointwise(func, args[1:], tuple(kwargs.items()))]
