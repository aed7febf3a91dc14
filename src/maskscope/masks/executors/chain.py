"""The samples of a network that is a chain (`layers.py`), worked out layer by layer in one function of autograd.

Numbers between layers lie as ``[rows, features, items]``, so that no product has to turn them over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.layers import Affine, Layer, Pointwise
from maskscope.masks.executors.product import apply, multiply, take_product, under_vmap
from maskscope.masks.gradient import pulled_back


@dataclass(frozen=True)
class Chain:
    """A chain with its weights.

    Args:
        layers: in order.
        units: the masked weights and biases, by dotted name.
        constants: the others, ``[*shape]``, or ``[rows, *shape]`` of several networks.
        dtype: of the numbers between the layers; that of the masked copies.
    """

    layers: Sequence[Layer]
    units: Mapping[str, GatedWeight]
    constants: Mapping[str, Tensor]
    dtype: torch.dtype

    def of_sample(self, x: Tensor, sample: Tensor, anchor: Tensor) -> Tensor:
        """The outputs of the current sample, inside vmap; see `under_vmap` for the arguments."""
        return under_vmap(x, sample, anchor, self.dtype, lambda rows, anchor: apply(_Chain, rows, anchor, self))

    def forward(self, x: Float[Tensor, "rows in items"]) -> list[Tensor]:
        """The input of every layer, and the output of the last one."""
        reached = [x]
        for layer in self.layers:
            x = self._affine(layer, x) if isinstance(layer, Affine) else layer(x)
            reached.append(x)
        return reached

    def backward(self, reached: Sequence[Tensor], dy: Tensor, *, needs_input: bool) -> Tensor | None:
        """Gives weight gradients to the units; returns the gradient of the input if it is needed.

        Args:
            reached: see `forward`.
            dy: the gradient of the output, ``[rows, features, items]``.
            needs_input: whether the gradient of the input is needed.
        """
        lowest = min(place for place, layer in enumerate(self.layers) if isinstance(layer, Affine))
        gradient: Tensor | None = dy
        for place in reversed(range(len(self.layers))):
            layer = self.layers[place]
            if gradient is None:
                break
            if isinstance(layer, Pointwise):
                before, after = reached[place : place + 2]
                gradient = _relu_back(gradient, after) if layer.is_relu else pulled_back(layer, before, gradient)
            else:
                gradient = self._affine_back(layer, reached[place], gradient, needs_input=needs_input or place > lowest)
        return gradient

    def _affine(self, layer: Affine, x: Tensor) -> Tensor:
        unit = self.units.get(layer.weight)
        y = torch.matmul(self.constants[layer.weight].to(x.dtype), x) if unit is None else multiply(unit, x)
        if layer.bias is None:
            return y
        of_bias = self.units.get(layer.bias)
        if of_bias is None:
            return y.add_(self.constants[layer.bias].to(y.dtype)[..., None])
        copies = of_bias.copies(y.new_empty(of_bias.rows, of_bias.shape.numel(), dtype=of_bias.dtype))
        return y.add_(copies.to(y.dtype)[:, :, None])

    def _affine_back(self, layer: Affine, x: Tensor, dy: Tensor, *, needs_input: bool) -> Tensor | None:
        if layer.bias is not None and (of_bias := self.units.get(layer.bias)) is not None and of_bias.listens:
            of_bias.take(dy.sum(2).to(of_bias.dtype))
        unit = self.units.get(layer.weight)
        if unit is not None:
            return take_product(unit, x, dy, needs_input=needs_input)
        return torch.matmul(self.constants[layer.weight].to(dy.dtype).mT, dy) if needs_input else None


class _Chain(torch.autograd.Function):
    """A chain on the inputs of all rows, ``[rows, items, in]``."""

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "rows items in"], anchor: Tensor, chain: Chain) -> Tensor:
        reached = chain.forward(x.mT)
        ctx.chain = chain
        ctx.save_for_backward(*reached)
        return reached[-1].mT.contiguous()  # contiguous like torch's own result, because losses may call .view on it

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor, None]:
        gradient = ctx.chain.backward(ctx.saved_tensors, dy.mT.contiguous(), needs_input=ctx.needs_input_grad[0])
        given = gradient is not None and ctx.needs_input_grad[0]
        return gradient.mT.contiguous() if given and gradient is not None else None, torch.zeros(()), None


def _relu_back(gradient: Tensor, after: Tensor) -> Tensor:
    result: Tensor = torch.ops.aten.threshold_backward(gradient, after, 0)
    return result
