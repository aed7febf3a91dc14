"""The samples of a network that is a chain (`layers.py`), worked out layer by layer in one function of autograd.

Numbers between layers lie as ``[rows, features, items]``, so that no product has to turn them over.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.layers import Affine, Layer, Pointwise
from maskscope.masks.executors.product import apply, multiply, take_product, under_vmap
from maskscope.masks.executors.whole import Whole
from maskscope.masks.gradient import pulled_back


class Chain:
    """A chain with its weights.

    Args:
        layers: in order.
        units: the masked weights and biases, by dotted name.
        constants: the others.
        is_of_rows: whether these are of several networks, ``[rows, *shape]``, and not ``[*shape]``.
        whole: all masked weights in one piece of memory, for one call of the network; None: each by itself, in blocks.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        units: Mapping[str, GatedWeight],
        constants: Mapping[str, Tensor],
        is_of_rows: bool,
        whole: Whole | None,
    ) -> None:
        self._layers, self._units, self._whole = layers, units, whole
        self._constants, self._is_of_rows = constants, is_of_rows
        self._masks = range(0)
        self._dtype = next(iter(units.values())).dtype
        self._copies: dict[str, Tensor] = {}
        self._lowest = min(place for place, layer in enumerate(layers) if isinstance(layer, Affine))

    def of_sample(self, x: Tensor, sample: Tensor, anchor: Tensor) -> Tensor:
        """The outputs of the current sample, inside vmap; see `under_vmap` for the arguments."""
        return under_vmap(x, sample, anchor, self._dtype, lambda rows, anchor: apply(_Chain, rows, anchor, self))

    def forward(self, x: Float[Tensor, "rows in items"]) -> list[Tensor]:
        """The inputs of every layer, and the outputs of the last one."""
        found = [self._reached(x[rows], rows) for rows in self._runs(again=False)]
        return found[0] if len(found) == 1 else [torch.cat(one) for one in zip(*found, strict=True)]

    def _reached(self, x: Tensor, rows: slice) -> list[Tensor]:
        reached = [x]
        for layer in self._layers:
            x = self._affine(layer, x, rows) if isinstance(layer, Affine) else layer(x)
            reached.append(x)
        return reached

    def pull_back(self, reached: Sequence[Tensor], dy: Tensor, *, needs_input: bool) -> Tensor | None:
        """Gives weight gradients to the units; returns the gradient of the input if it is needed.

        Args:
            reached: see `forward`.
            dy: the gradient of the output, ``[rows, features, items]``.
            needs_input: whether the gradient of the input is needed.
        """
        found = []
        for rows in self._runs(again=True):
            found.append(self._back([one[rows] for one in reached], dy[rows], rows, needs_input=needs_input))
            if self._whole is not None and self._listens:
                self._whole.take(self._masks)
        given = [one for one in found if one is not None]
        return torch.cat(given) if given else None

    def _runs(self, *, again: bool) -> Iterator[slice]:
        """The rows that are run at once, one after the other, with their copies in memory."""
        if self._whole is None:
            yield slice(None)
            return
        samples = next(iter(self._units.values())).samples
        for masks in self._whole.groups:
            self._masks, self._copies = masks, self._whole.copies(masks, again=again)
            yield slice(masks.start * samples, masks.stop * samples)

    def _back(self, reached: Sequence[Tensor], dy: Tensor, rows: slice, *, needs_input: bool) -> Tensor | None:
        gradient: Tensor | None = dy
        for place in reversed(range(len(self._layers))):
            layer = self._layers[place]
            if gradient is None:
                break
            if isinstance(layer, Pointwise):
                before, after = reached[place : place + 2]
                gradient = _relu_back(gradient, after) if layer.is_relu else pulled_back(layer, before, gradient)
            else:
                below = needs_input or place > self._lowest
                gradient = self._affine_back(layer, reached[place], gradient, rows, needs_input=below)
        return gradient

    def _constant(self, name: str, rows: slice) -> Tensor:
        """What is not masked, for some rows: of one network it is the same for all."""
        return self._constants[name][rows] if self._is_of_rows else self._constants[name]

    @property
    def _listens(self) -> bool:
        return next(iter(self._units.values())).listens

    def _affine(self, layer: Affine, x: Tensor, rows: slice) -> Tensor:
        unit = self._units.get(layer.weight)
        if unit is None:
            y = torch.matmul(self._constant(layer.weight, rows).to(x.dtype), x)
        else:
            y = torch.bmm(self._copies[layer.weight], x) if self._copies else multiply(unit, x)
        if layer.bias is None:
            return y
        of_bias = self._units.get(layer.bias)
        if of_bias is None:
            return y.add_(self._constant(layer.bias, rows).to(y.dtype)[..., None])
        copies = self._copies.get(layer.bias)
        if copies is None:
            copies = of_bias.copies(y.new_empty(of_bias.rows, of_bias.shape.numel(), dtype=of_bias.dtype))
        return y.add_(copies.to(y.dtype)[:, :, None])

    def _affine_back(self, layer: Affine, x: Tensor, dy: Tensor, rows: slice, *, needs_input: bool) -> Tensor | None:
        of_bias = None if layer.bias is None else self._units.get(layer.bias)
        if of_bias is not None and of_bias.listens:
            if self._copies:
                torch.sum(dy, 2, out=self._copies[str(layer.bias)])
            else:
                of_bias.take(dy.sum(2).to(of_bias.dtype))
        unit = self._units.get(layer.weight)
        if unit is None:
            return torch.matmul(self._constant(layer.weight, rows).to(dy.dtype).mT, dy) if needs_input else None
        if not self._copies:
            return take_product(unit, x, dy, needs_input=needs_input)
        copies = self._copies[layer.weight]
        dx = torch.bmm(copies.mT, dy) if needs_input else None
        if unit.listens:
            torch.bmm(dy, x.mT, out=copies)  # overwrites the copies, which are no longer needed
        return dx


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
        gradient = ctx.chain.pull_back(ctx.saved_tensors, dy.mT.contiguous(), needs_input=ctx.needs_input_grad[0])
        given = gradient is not None and ctx.needs_input_grad[0]
        return gradient.mT.contiguous() if given and gradient is not None else None, torch.zeros(()), None


def _relu_back(gradient: Tensor, after: Tensor) -> Tensor:
    result: Tensor = torch.ops.aten.threshold_backward(gradient, after, 0)
    return result
