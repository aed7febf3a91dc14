"""torch's LSTM over packed sequences on processors, with one product for all gradients of a weight.

torch's own makes a weight's gradient anew at every step and adds it up: on a processor, and with the few rows of one sample, that
is most of a backward pass (`docs/speed.md`). Here the backward pass keeps the gates' gradients of all steps and multiplies once.
Equal to torch's own to rounding.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import dropout as drop
from torch.overrides import TorchFunctionMode


class PackedLSTMMode(TorchFunctionMode):
    """Runs every LSTM that is given packed sequences on a processor as it is done here; leaves everything else alone."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.lstm and not kwargs and _applies(*args):
            return packed_lstm(*args)
        return func(*args, **(kwargs or {}))


def _applies(x: Tensor, sizes: Any, states: Any, weights: Any, *rest: Any) -> bool:
    """Packed sequences have a tensor in second place and a list in fourth; no projections, one direction, one dtype."""
    if not isinstance(sizes, Tensor) or not isinstance(weights, list) or x.device.type != "cpu" or x.dim() != 2:
        return False
    has_biases, layers, _, _, bidirectional = rest
    if weights[0].dtype != x.dtype or torch.is_autocast_enabled("cpu"):
        return False
    return not bidirectional and len(weights) == layers * (4 if has_biases else 2)


def packed_lstm(
    x: Tensor,
    sizes: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    has_biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """``torch.lstm`` for packed sequences; arguments as torch has them."""
    assert not bidirectional
    each, steps = (4 if has_biases else 2), _Steps(sizes)
    hidden, memory = [], []
    for layer in range(layers):
        if layer and dropout and train:
            x = drop(x, dropout)
        mine = weights[layer * each : (layer + 1) * each]
        bias = mine[2] + mine[3] if has_biases else None
        x, last, last_memory = cast(Any, _Layer).apply(steps, x, states[0][layer], states[1][layer], mine[0], mine[1], bias)
        hidden.append(last)
        memory.append(last_memory)
    return x, torch.stack(hidden), torch.stack(memory)


class _Steps:
    """Where the rows of each step are, and what came before and last of each sequence."""

    def __init__(self, sizes: Tensor) -> None:
        self.sizes: list[int] = sizes.tolist()
        rows = self.sizes[0]
        self.starts = [0]
        for size in self.sizes:
            self.starts.append(self.starts[-1] + size)
        # of every row the one before it; the initial states stand in front of all rows
        first = [torch.arange(rows)]
        self.before = torch.cat(
            first + [rows + start + torch.arange(size) for start, size in zip(self.starts, self.sizes[1:], strict=False)]
        )
        lengths = (sizes[:, None] > torch.arange(rows)).sum(0)
        self.last = torch.tensor(self.starts)[lengths - 1] + torch.arange(rows)


class _Layer(torch.autograd.Function):
    """One layer: outputs of all steps, and the last state of each sequence."""

    @staticmethod
    def forward(
        ctx: Any, steps: _Steps, x: Tensor, hidden: Tensor, memory: Tensor, inputs: Tensor, recurrent: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        units = recurrent.shape[1]
        gates = x @ inputs.t() if bias is None else torch.addmm(bias, x, inputs.t())
        kept = [torch.empty(len(x), units, dtype=x.dtype) for _ in range(3)]
        memories, squashed, outputs = kept
        turned = recurrent.t()
        state, cell = hidden, memory
        for start, size in zip(steps.starts, steps.sizes, strict=False):
            here = slice(start, start + size)
            gate = gates[here]
            gate.addmm_(state[:size], turned)
            gate[:, : 2 * units].sigmoid_()
            gate[:, 2 * units : 3 * units].tanh_()
            gate[:, 3 * units :].sigmoid_()
            enter, forget, candidate, leave = gate.split(units, 1)
            cell, state = torch.mul(forget, cell[:size], out=memories[here]).addcmul_(enter, candidate), outputs[here]
            torch.mul(leave, torch.tanh(cell, out=squashed[here]), out=state)
        ctx.steps = steps
        ctx.save_for_backward(x, hidden, memory, inputs, recurrent, gates, memories, squashed, outputs)
        return outputs, outputs[steps.last], memories[steps.last]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        x, hidden, memory, inputs, recurrent, gates, memories, squashed, outputs = ctx.saved_tensors
        steps, units = ctx.steps, recurrent.shape[1]
        grad, grad_hidden, grad_memory = grads
        enter, forget, candidate, leave = gates.split(units, 1)
        # by what a step multiplies the gradients of its state, for all steps at once
        through_leave = squashed * leave * (1 - leave)
        through_memory = leave * (1 - squashed * squashed)
        before = torch.cat([memory, memories])[steps.before]
        inner = torch.stack(
            [candidate * enter * (1 - enter), before * forget * (1 - forget), enter * (1 - candidate * candidate)], 1
        )
        turned = torch.empty_like(gates)
        by_gate = turned.view(len(x), 4, units)
        state, cell = grad_hidden.clone(), grad_memory.clone()
        for start, size in zip(reversed(steps.starts[:-1]), reversed(steps.sizes), strict=True):
            here = slice(start, start + size)
            now, now_cell = state[:size], cell[:size]
            now.add_(grad[here])
            now_cell.addcmul_(now, through_memory[here])
            torch.mul(now, through_leave[here], out=by_gate[here, 3])
            torch.mul(now_cell[:, None], inner[here], out=by_gate[here, :3])
            now_cell.mul_(forget[here])
            torch.mm(turned[here], recurrent, out=now)
        needed = ctx.needs_input_grad
        return (
            None,
            turned @ inputs if needed[1] else None,
            state if needed[2] else None,
            cell if needed[3] else None,
            turned.t() @ x if needed[4] else None,
            turned.t() @ torch.cat([hidden, outputs])[steps.before] if needed[5] else None,
            turned.sum(0) if needed[6] else None,
        )
