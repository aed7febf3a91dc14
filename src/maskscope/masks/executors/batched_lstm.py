"""An LSTM under the masks of all samples at once, on CPUs: inside vmap, in place of torch's.

As in `packed.py`, the products of a step are one operation, everything else of it is a compiled loop, and a weight has one
product for the gradients of all steps. Here each sample has weights of its own, so that products are batched over samples.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.masks.executors import recurrent
from maskscope.masks.executors.packed import compiled_loops


def lstm(
    x: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    has_biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """``torch.lstm`` for padded sequences, of one sample inside vmap; in plain operations where the loops cannot be used."""
    if (train and dropout) or bidirectional or not _can_run(x, weights, layers * (4 if has_biases else 2)):
        return recurrent.lstm(x, states, weights, has_biases, layers, dropout, train, bidirectional, batch_first)
    each, hidden, memory = (4 if has_biases else 2), [], []
    x = x.transpose(0, 1) if batch_first else x
    for layer in range(layers):
        mine = weights[layer * each : (layer + 1) * each]
        bias = mine[2] + mine[3] if has_biases else None
        given = (x, states[0][layer], states[1][layer], mine[0], mine[1], bias)
        x, last, last_memory = cast(Any, _UnderVmap).apply(*given)
        hidden.append(last)
        memory.append(last_memory)
    return x.transpose(0, 1) if batch_first else x, torch.stack(hidden), torch.stack(memory)


def _can_run(x: Tensor, weights: Sequence[Tensor], wanted: int) -> bool:
    """Whether weights differ by sample, there are no projections, there is one dtype, and the loops are there for it."""
    if not any(map(torch._C._functorch.is_batchedtensor, weights)):
        return False
    if x.dim() != 3 or x.device.type != "cpu" or len(weights) != wanted or torch.is_autocast_enabled("cpu"):
        return False
    one_dtype = x.dtype in (torch.float32, torch.float64) and weights[0].dtype == x.dtype
    return one_dtype and compiled_loops() is not None


class _UnderVmap(torch.autograd.Function):
    """Turns the vmapped dimension (the samples) into a normal leading dimension."""

    @staticmethod
    def forward(*given: Any) -> Any:
        raise RuntimeError("called outside vmap")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *given: Any) -> tuple[Any, tuple[int, int, int]]:
        rows = [
            None if one is None else one.expand(info.batch_size, *one.shape) if place is None else one.movedim(place, 0)
            for one, place in zip(given, in_dims, strict=True)
        ]
        return cast(Any, _Layer).apply(*rows), (0, 0, 0)


class _Layer(torch.autograd.Function):
    """One layer for all rows. In memory, a step follows the other: ``[steps, rows, n, ...]``; initial states are in front."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "rows steps n inputs"],
        hidden: Float[Tensor, "rows n units"],
        memory: Float[Tensor, "rows n units"],
        inputs: Float[Tensor, "rows gates inputs"],
        turned: Float[Tensor, "rows gates units"],
        bias: Float[Tensor, "rows gates"] | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        (rows, steps, n), units, loops = x.shape[:3], turned.shape[2], compiled_loops()
        at_once = rows * n
        flat = x.reshape(rows, steps * n, -1)
        projected = torch.bmm(flat, inputs.mT) if bias is None else torch.baddbmm(bias[:, None], flat, inputs.mT)
        gates = _steps_first(projected, steps).reshape(steps * at_once, -1)
        squashed = torch.empty(steps * at_once, units, dtype=x.dtype)
        states, memories = (
            torch.cat([before.reshape(at_once, units), torch.empty_like(squashed)]) for before in (hidden, memory)
        )
        arrays = tuple(one.numpy() for one in (gates, memories, squashed, states))
        for step in range(steps):
            first = step * at_once
            gate = gates[first : first + at_once].view(rows, n, -1)
            torch.baddbmm(gate, states[first : first + at_once].view(rows, n, units), turned.mT, out=gate)
            loops.step_forward(*arrays, first, at_once + first, first, at_once)
        ctx.save_for_backward(flat, inputs, turned, gates, memories, squashed, states)
        ctx.shape, ctx.has_bias = (rows, steps, n), bias is not None
        outputs = states[at_once:].view(steps, rows, n, units).transpose(0, 1)
        last = slice(steps * at_once, None)
        return outputs, states[last].view(rows, n, units).clone(), memories[last].view(rows, n, units).clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        flat, inputs, turned, gates, memories, squashed, states = ctx.saved_tensors
        (rows, steps, n), units, loops = ctx.shape, turned.shape[2], compiled_loops()
        at_once = rows * n
        grad = grads[0].transpose(0, 1).reshape(steps * at_once, units).contiguous()
        grad_state, grad_memory = (one.reshape(at_once, units).clone() for one in grads[1:])
        grad_gates = torch.empty_like(gates)
        arrays = tuple(one.numpy() for one in (gates, memories, squashed, grad, grad_state, grad_memory, grad_gates))
        for step in reversed(range(steps)):
            first = step * at_once
            loops.step_backward(*arrays, first, first, at_once)
            gate = grad_gates[first : first + at_once].view(rows, n, -1)
            torch.bmm(gate, turned, out=grad_state.view(rows, n, units))
        of_rows = _rows_first(grad_gates, ctx.shape)
        needed = ctx.needs_input_grad
        return (
            torch.bmm(of_rows, inputs).view(rows, steps, n, -1) if needed[0] else None,
            grad_state.view(rows, n, units) if needed[1] else None,
            grad_memory.view(rows, n, units) if needed[2] else None,
            torch.bmm(of_rows.mT, flat) if needed[3] else None,
            torch.bmm(of_rows.mT, _rows_first(states[: steps * at_once], ctx.shape)) if needed[4] else None,
            of_rows.sum(1) if ctx.has_bias and needed[5] else None,
        )


def _steps_first(of_rows: Tensor, steps: int) -> Tensor:
    """``[rows, steps * n, k]`` as ``[steps, rows, n, k]``."""
    rows, items, features = of_rows.shape
    return of_rows.view(rows, steps, items // steps, features).transpose(0, 1)


def _rows_first(of_steps: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """``[steps * rows * n, k]`` as ``[rows, steps * n, k]``."""
    rows, steps, n = shape
    return of_steps.view(steps, rows, n, -1).transpose(0, 1).reshape(rows, steps * n, -1)
