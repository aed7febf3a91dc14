"""Masked weights inside autograd: made in the forward pass, made again in the backward pass; gradients are passed on at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.masks.executors.gated import GatedWeight

# Bytes of masked copies in a block. On a CPU a block must stay in the last-level cache until it is used; on an accelerator it
# must be large enough to use all of the device.
CACHE_BYTES = {"cpu": 16 << 20, "cuda": 256 << 20}


# from the inputs of all rows, and the anchor, to their results
Work = Callable[[Tensor, Tensor], Tensor]


def block_bytes(device: torch.device) -> int:
    """The size of one block of masked copies, in bytes."""
    return CACHE_BYTES.get(device.type, CACHE_BYTES["cuda"])


def under_vmap(x: Tensor | None, sample: Tensor, anchor: Tensor, dtype: torch.dtype, work: Work) -> Tensor:
    """Does some work on the rows of all samples at once, inside vmap, and returns the result of the current sample.

    Args:
        x: the input of the current sample, ``[..., in]``; None if the work takes none.
        sample: its row; this tensor has the vmapped dimension.
        anchor: a scalar that requires a gradient, so that the backward pass is run also if ``x`` requires none.
        dtype: of the inputs that the work gets.
        work: from the inputs of all samples, ``[rows, items, in]``, and the anchor to the results, ``[rows, items, out]``.
    """
    return apply(_UnderVmap, x, sample, anchor, dtype, work)


def masked_product(x: Tensor, sample: Tensor, anchor: Tensor, unit: GatedWeight) -> Tensor:
    """``x @ masked(weight).T`` for the current sample, inside vmap.

    Args:
        x: the input of the layer, ``[..., in]``.
        sample: see `under_vmap`.
        anchor: see `under_vmap`.
        unit: the weight, ``[out, in]``.
    """
    return under_vmap(x, sample, anchor, unit.dtype, lambda rows, anchor: apply(_Product, rows, anchor, unit))


def all_copies(sample: Tensor, anchor: Tensor, unit: GatedWeight) -> Tensor:
    """The whole masked weight of the current sample, inside vmap."""
    return under_vmap(None, sample, anchor, unit.dtype, lambda rows, anchor: apply(_Copies, anchor, unit))


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    """A function of autograd, applied."""
    result: Tensor = cast(Any, function).apply(*arguments)
    return result


class _UnderVmap(torch.autograd.Function):
    """Turns the vmapped dimension (the samples) into a normal leading dimension."""

    @staticmethod
    def forward(x: Tensor | None, sample: Tensor, anchor: Tensor, dtype: torch.dtype, work: Work) -> Tensor:
        raise RuntimeError("called outside vmap")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        x: Tensor | None,
        sample: Tensor,
        anchor: Tensor,
        dtype: torch.dtype,
        work: Work,
    ) -> tuple[Tensor, int]:
        if x is None:
            return work(anchor.new_empty(0), anchor), 0
        rows = x.movedim(in_dims[0], 0) if in_dims[0] is not None else x.expand(info.batch_size, *x.shape)
        flat = rows.reshape(info.batch_size, -1, rows.shape[-1]).to(dtype)
        result = work(flat, anchor)
        return result.view(*rows.shape[:-1], result.shape[-1]), 0


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
        # contiguous like torch's own result, because networks may call .view on it
        return multiply(unit, x.mT).mT.contiguous()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor, None]:
        (x,) = ctx.saved_tensors
        dx = take_product(ctx.unit, x.mT, dy.mT, needs_input=ctx.needs_input_grad[0])
        return None if dx is None else dx.mT.contiguous(), torch.zeros(()), None


def multiply(unit: GatedWeight, x: Float[Tensor, "rows in items"]) -> Float[Tensor, "rows out items"]:
    """``masked_k(weight) @ x[k]`` for every row k."""
    y = x.new_empty(x.shape[0], unit.shape[0], x.shape[2])
    for block in _blocks(unit):
        torch.bmm(block.memory, x[block.rows], out=y[block.rows, block.features])
    return y


def take_product(
    unit: GatedWeight, x: Float[Tensor, "rows in items"], dy: Float[Tensor, "rows out items"], *, needs_input: bool
) -> Float[Tensor, "rows in items"] | None:
    """The backward pass of `multiply`: the unit takes the gradients of its masked weights; those of the inputs are returned.

    Args:
        unit: the weight.
        x: the inputs of `multiply`.
        dy: the gradients of its results.
        needs_input: whether the gradients of the inputs are needed; else None is returned.
    """
    dx = torch.zeros(x.shape, dtype=x.dtype, device=x.device) if needs_input else None
    for block in _blocks(unit, fill=needs_input):
        out = dy[block.rows, block.features]
        if dx is not None:
            torch.baddbmm(dx[block.rows], block.memory.mT, out, out=dx[block.rows])
        if unit.listens:
            torch.bmm(out, x[block.rows].mT, out=block.memory)  # overwrites the copies, which are no longer needed
            rows = block.memory.shape[0]
            unit.take(block.memory.view(rows, -1), block.features.start * unit.shape[1], block.masks)
    return dx


@dataclass(frozen=True)
class _Block:
    """The masked copies of some output features under some masks.

    Args:
        masks: which masks.
        rows: their samples.
        features: which output features.
        memory: ``[rows, features, in]``, with the copies, or to be written to.
    """

    masks: range
    rows: slice
    features: slice
    memory: Tensor


def _blocks(unit: GatedWeight, *, fill: bool = True) -> Iterator[_Block]:
    """All masked copies, in blocks that stay in the cache until they are used; without copies unless ``fill``."""
    features, inputs = unit.shape
    of_feature = unit.samples * inputs * unit.dtype.itemsize
    together = min(unit.masks, max(1, block_bytes(unit.device) // (of_feature * features)))
    at_once = max(1, block_bytes(unit.device) // (of_feature * together))
    size = -(-features // -(-features // at_once))
    for first in range(0, unit.masks, together):
        masks = range(first, min(unit.masks, first + together))
        rows = slice(masks.start * unit.samples, masks.stop * unit.samples)
        count = rows.stop - rows.start
        memory = unit.workspace.take(count * size * inputs, unit.dtype, unit.device)
        for start in range(0, features, size):
            end = min(features, start + size)
            scratch = memory[: count * (end - start) * inputs].view(count, -1)
            if fill:
                unit.copies(scratch, start * inputs, masks)
            yield _Block(masks, rows, slice(start, end), scratch.view(count, end - start, inputs))
