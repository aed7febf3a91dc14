"""Masked weights inside autograd: made in the forward pass, made again in the backward pass; gradients are passed on at once."""

from collections.abc import Iterator
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.masks.executors.gated import GatedWeight

# Bytes of masked copies in a block. On a CPU a block must stay in the last-level cache until it is used; on an accelerator it
# must be large enough to use all of the device.
CACHE_BYTES = {"cpu": 8 << 20, "cuda": 256 << 20}


def block_bytes(device: torch.device) -> int:
    """The size of one block of masked copies, in bytes."""
    return CACHE_BYTES.get(device.type, CACHE_BYTES["cuda"])


def masked_product(x: Tensor, sample: Tensor, anchor: Tensor, unit: GatedWeight) -> Tensor:
    """``x @ masked(weight).T`` for the current sample, inside vmap.

    Args:
        x: the input of the layer, ``[..., in]``.
        sample: the row of the masked copies; this tensor has the vmapped dimension.
        anchor: a scalar that requires a gradient, so that the backward pass is run also if ``x`` requires none.
        unit: the weight, ``[out, in]``.
    """
    return _apply(_UnderVmap, x, sample, anchor, unit)


def all_copies(sample: Tensor, anchor: Tensor, unit: GatedWeight) -> Tensor:
    """The whole masked weight of the current sample, inside vmap."""
    return _apply(_UnderVmap, None, sample, anchor, unit)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    result: Tensor = cast(Any, function).apply(*arguments)
    return result


class _UnderVmap(torch.autograd.Function):
    """Turns the vmapped dimension (the samples) into a normal leading dimension."""

    @staticmethod
    def forward(x: Tensor | None, sample: Tensor, anchor: Tensor, unit: GatedWeight) -> Tensor:
        raise RuntimeError("called outside vmap")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], x: Tensor | None, sample: Tensor, anchor: Tensor, unit: GatedWeight
    ) -> tuple[Tensor, int]:
        if x is None:
            result = _apply(_Copies, anchor, unit)
        else:
            rows = x.movedim(in_dims[0], 0) if in_dims[0] is not None else x.expand(info.batch_size, *x.shape)
            flat = rows.reshape(info.batch_size, -1, rows.shape[-1]).to(unit.dtype)
            result = _apply(_Product, flat, anchor, unit)
            result = result.view(*rows.shape[:-1], result.shape[-1])
        return result, 0


class _Copies(torch.autograd.Function):
    """All masked copies of a weight, ``[rows, *shape]``."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, unit: GatedWeight) -> Tensor:
        ctx.unit = unit
        copies = unit.copies(torch.empty(unit.rows, unit.shape.numel(), dtype=unit.dtype, device=unit.device))
        return copies.view(unit.rows, *unit.shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        unit: GatedWeight = ctx.unit
        if unit.listens:
            unit.take(gradient.reshape(unit.rows, -1).contiguous())
        return torch.zeros(()), None


class _Product(torch.autograd.Function):
    """``x[k] @ masked_k(weight).T`` for every row k, in blocks of output features.

    Outputs and input gradients are computed transposed, ``[rows, features, items]``: this makes the products 10 % faster.
    """

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "rows items in"], anchor: Tensor, unit: GatedWeight) -> Tensor:
        ctx.unit = unit
        ctx.save_for_backward(x)
        y = x.new_empty(x.shape[0], unit.shape[0], x.shape[1])
        for block, copies in _blocks(unit):
            torch.bmm(copies, x.mT, out=y[:, block])
        return y.mT.contiguous()  # contiguous like torch's own result, because networks may call .view on it

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor, None]:
        unit: GatedWeight = ctx.unit
        (x,) = ctx.saved_tensors
        dx = torch.zeros_like(x.mT, memory_format=torch.contiguous_format) if ctx.needs_input_grad[0] else None
        for block, scratch in _blocks(unit, fill=dx is not None):
            out = dy.mT[:, block]
            if dx is not None:
                torch.baddbmm(dx, scratch.mT, out, out=dx)
            if unit.listens:
                torch.bmm(out, x, out=scratch)  # overwrites the copies, which are no longer needed
                unit.take(scratch.view(unit.rows, -1), block.start * unit.shape[1])
        return None if dx is None else dx.mT.contiguous(), torch.zeros(()), None


def _blocks(unit: GatedWeight, *, fill: bool = True) -> Iterator[tuple[slice, Tensor]]:
    """Yields blocks of output features, each with memory ``[rows, features, in]``, which has the masked copies if ``fill``."""
    features, inputs = unit.shape
    at_once = max(1, block_bytes(unit.device) // (unit.rows * inputs * unit.dtype.itemsize))
    count = -(-features // at_once)
    size = -(-features // count)
    memory = unit.workspace.take(unit.rows * size * inputs, unit.dtype, unit.device)
    for start in range(0, features, size):
        end = min(features, start + size)
        scratch = memory[: unit.rows * (end - start) * inputs].view(unit.rows, -1)
        if fill:
            unit.copies(scratch, start * inputs)
        yield slice(start, end), scratch.view(unit.rows, end - start, inputs)
