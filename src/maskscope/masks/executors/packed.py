"""A faster LSTM for packed sequences on CPUs: one matrix product for each step, and a compiled loop for everything else.

torch's LSTM computes a gradient of the weights at every step and adds these up: on a CPU, with the few rows of one sample, that
takes most of the backward pass (`docs/speed.md`). Here the backward pass stores the gradients of the gates of all steps and does
one product at the end. The results are equal to torch's up to rounding.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import dropout as drop
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

from maskscope.masks.executors.recurrent import lstm_step


class PackedLSTMMode(TorchFunctionMode):
    """Runs every LSTM that gets packed sequences on a CPU by `packed_lstm`; does not change anything else."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.lstm and not kwargs and _applies(*args):
            return packed_lstm(*args)
        return func(*args, **(kwargs or {}))


def _applies(x: Tensor, sizes: Any, states: Any, weights: Any, *rest: Any) -> bool:
    """Whether `packed_lstm` can be used: packed sequences (argument 2 is a tensor), no projections, one direction, one dtype."""
    if not isinstance(sizes, Tensor) or not isinstance(weights, list) or x.device.type != "cpu" or x.dim() != 2:
        return False
    has_biases, layers, _, _, bidirectional = rest
    if x.dtype not in (torch.float32, torch.float64) or weights[0].dtype != x.dtype or torch.is_autocast_enabled("cpu"):
        return False
    return not bidirectional and len(weights) == layers * (4 if has_biases else 2) and compiled_loops() is not None


@cache
def compiled_loops() -> Any:
    """The compiled loops, imported at first use; None without numba: then torch's own LSTM is used."""
    try:
        import_module("maskscope.masks.kernels.compiler")  # first, because it turns all errors of numba into ImportError
        return import_module("maskscope.masks.kernels.lstm_loops")
    except ImportError:
        return None


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
    """``torch.lstm`` for packed sequences, with the same arguments."""
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
    """The rows of each step in the packed tensors, the rows of the states before it, and the last row of each sequence.

    In tensors of states, the initial states are in front of all rows.
    """

    def __init__(self, sizes: Tensor) -> None:
        self.sizes: list[int] = sizes.tolist()
        self.rows = rows = self.sizes[0]
        self.starts = [0, *accumulate(self.sizes)][:-1]
        self.earlier = [0, *(rows + start for start in self.starts[:-1])]
        self.before = torch.cat([place + torch.arange(size) for place, size in zip(self.earlier, self.sizes, strict=True)])
        lengths = (sizes[:, None] > torch.arange(rows)).sum(0)
        self.last = rows + torch.tensor(self.starts)[lengths - 1] + torch.arange(rows)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """For each step: the first row of the states before it, its own first row, and its number of rows."""
        return zip(self.earlier, self.starts, self.sizes, strict=True)

    def __reversed__(self) -> Iterator[tuple[int, int, int]]:
        return reversed(list(self))


class _Layer(torch.autograd.Function):
    """One layer: returns the outputs of all steps, and the last state of each sequence."""

    @staticmethod
    def forward(
        ctx: Any, steps: _Steps, x: Tensor, hidden: Tensor, memory: Tensor, inputs: Tensor, recurrent: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        n, rows, units = len(x), steps.rows, recurrent.shape[1]
        gates = x @ inputs.t() if bias is None else torch.addmm(bias, x, inputs.t())
        squashed = torch.empty(n, units, dtype=x.dtype)
        states, memories = (torch.cat([before, torch.empty_like(squashed)]) for before in (hidden, memory))
        turned, loops = recurrent.t(), compiled_loops()
        arrays = tuple(one.numpy() for one in (gates, memories, squashed, states))
        known = hidden
        for (earlier, first, size), gate, state in zip(
            steps, gates.split(steps.sizes), states[rows:].split(steps.sizes), strict=True
        ):
            torch.addmm(gate, known if len(known) == size else known[:size], turned, out=gate)
            loops.step_forward(*arrays, earlier, rows + first, first, size)
            known = state
        ctx.steps = steps
        ctx.save_for_backward(x, inputs, recurrent, gates, memories, squashed, states, hidden, memory, bias)
        return states[rows:], states[steps.last], memories[steps.last]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        x, inputs, recurrent, gates, memories, squashed, states, *given = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient itself will be differentiated, as in a gradient penalty
            return None, *_plain_gradients(ctx.steps, (x, *given[:2], inputs, recurrent, given[2]), grads)
        steps, loops = ctx.steps, compiled_loops()
        grad, grad_state, grad_memory = grads[0].contiguous(), *(one.clone() for one in grads[1:])
        grad_gates = torch.empty_like(gates)
        arrays = tuple(one.numpy() for one in (gates, memories, squashed, grad, grad_state, grad_memory, grad_gates))
        known = grad_state[: steps.sizes[-1]]
        for (earlier, first, size), gate in zip(reversed(steps), reversed(grad_gates.split(steps.sizes)), strict=True):
            loops.step_backward(*arrays, earlier, first, size)
            known = known if len(known) == size else grad_state[:size]
            torch.mm(gate, recurrent, out=known)
        needed = ctx.needs_input_grad
        return (
            None,
            grad_gates @ inputs if needed[1] else None,
            grad_state if needed[2] else None,
            grad_memory if needed[3] else None,
            grad_gates.t() @ x if needed[4] else None,
            grad_gates.t() @ states[steps.before] if needed[5] else None,
            grad_gates.sum(0) if needed[6] else None,
        )


def _plain_gradients(steps: _Steps, given: tuple[Tensor | None, ...], grads: Sequence[Tensor]) -> list[Tensor | None]:
    """The gradients of a layer with respect to its inputs, themselves differentiable: computed with plain operations."""
    needed = [one is not None and one.requires_grad for one in given]
    wanted = [one for one, is_needed in zip(given, needed, strict=True) if is_needed]
    found = iter(torch.autograd.grad(_plain_layer(steps, *given), wanted, grads, create_graph=True))  # type: ignore[arg-type]
    return [next(found) if is_needed else None for is_needed in needed]


def _plain_layer(
    steps: _Steps, x: Tensor, hidden: Tensor, memory: Tensor, inputs: Tensor, recurrent: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    outputs, ended = [], []
    state: tuple[Tensor, ...] = hidden, memory
    for projected in linear(x, inputs, bias).split(steps.sizes):
        ended.append([one[len(projected) :] for one in state])
        state = lstm_step(projected, tuple(one[: len(projected)] for one in state), recurrent, None)
        outputs.append(state[0])
    last = [torch.cat([one, *(rows[place] for rows in reversed(ended))]) for place, one in enumerate(state)]
    return torch.cat(outputs), last[0], last[1]
