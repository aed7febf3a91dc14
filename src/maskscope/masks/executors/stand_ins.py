"""Stand-ins for masked weights inside vmap, and the mode that replaces them wherever the network uses them.

A ``TorchFunctionMode`` looks at every torch function that the network calls:

* a linear layer with a stand-in becomes a product that makes the masked copies block by block, each just before it is used, and
  passes on its weight gradient block by block; so neither ever exists as a whole;
* any other operation on a stand-in gets all masked copies at once.

A stand-in is full of NaN and takes no memory: if the mode missed an operation, the loss would be NaN.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from maskscope.masks.executors.batched_lstm import lstm
from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.product import all_copies, masked_product
from maskscope.masks.executors.recurrent import PLAIN, applies

# recurrent layers, which vmap cannot batch
_INSTEAD = {**PLAIN, torch.lstm: lstm}


class StandInMode(TorchFunctionMode):
    """Replaces stand-ins by masked copies in every torch function, and recurrent layers by operations that can be vmapped."""

    _ASKS_ONLY_FOR_SHAPE = frozenset(
        (
            *("size", "dim", "ndimension", "numel", "nelement", "element_size", "stride", "__len__"),
            *("is_contiguous", "is_floating_point", "is_complex"),
        )
    )

    def __init__(self, units: Mapping[int, GatedWeight], sample: Tensor, anchor: Tensor) -> None:
        super().__init__()
        self._units, self._sample, self._anchor = units, sample, anchor

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        plain = _INSTEAD.get(func)
        if plain is not None and applies(func, args):
            func = plain
        if not self._units:
            return func(*args, **kwargs)
        if func is functional.linear:
            return self._linear(*args, **kwargs)
        if not self._holds(args) and not self._holds(kwargs.values()):
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name in self._ASKS_ONLY_FOR_SHAPE:
            return func(*args, **kwargs)
        if name == "__get__":
            found = func(*args, **kwargs)
            if not isinstance(found, Tensor):  # .shape, .dtype, .device, .requires_grad and the like
                return found
        return func(*self._filled(args), **{key: self._filled([value])[0] for key, value in kwargs.items()})

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        unit = self._units.get(id(weight))
        x, bias = self._filled([x, bias])
        if unit is None:
            return functional.linear(x, weight, bias)
        product = masked_product(x, self._sample, self._anchor, unit)
        return product if bias is None else product + bias.to(product.dtype)

    def _holds(self, values: Any) -> bool:
        return any(self._holds(value) if isinstance(value, list | tuple) else id(value) in self._units for value in values)

    def _filled(self, values: Any) -> Any:
        filled = [self._fill(value) for value in values]
        return filled if isinstance(values, list) else tuple(filled)

    def _fill(self, value: Any) -> Any:
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return self._filled(value)
        unit = self._units.get(id(value))
        return value if unit is None else all_copies(self._sample, self._anchor, unit)


def stand_in(unit: GatedWeight) -> Tensor:
    """A tensor in place of a weight: full of NaN, without memory of its own."""
    nothing = torch.full((), float("nan"), dtype=unit.dtype, device=unit.device)
    return nothing.expand(unit.shape).detach().requires_grad_()
