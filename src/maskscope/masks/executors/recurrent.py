"""torch's recurrent layers in plain operations, so that vmap can batch them: it cannot batch torch's fused layers.

On a CPU and for short sequences this is faster than one fused call for each sample, whose products are four times smaller. The
results are equal to torch's up to rounding; dropout must be off, as it is in eval mode.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

# A cell maps the projected input, the state, the hidden weight and its bias to the next state. The output is the first entry.
State = tuple[Tensor, ...]
Cell = Callable[[Tensor, State, Tensor, Tensor | None], State]


def lstm_step(projected: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    """One step of an LSTM."""
    hidden, memory = state
    enter, forget, candidate, leave = (projected + linear(hidden, weight, bias)).chunk(4, -1)
    memory = forget.sigmoid() * memory + enter.sigmoid() * candidate.tanh()
    return leave.sigmoid() * memory.tanh(), memory


def gru_step(projected: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    """One step of a GRU."""
    (hidden,) = state
    reset, update, candidate = projected.chunk(3, -1)
    own_reset, own_update, own_candidate = linear(hidden, weight, bias).chunk(3, -1)
    update = (update + own_update).sigmoid()
    candidate = (candidate + (reset + own_reset).sigmoid() * own_candidate).tanh()
    return (candidate + update * (hidden - candidate),)


def _stack(
    cell: Cell,
    x: Tensor,
    states: State,
    weights: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, State]:
    """Runs all layers and directions; arguments as in torch's functions. States: ``[layers * directions, batch, hidden]``."""
    if train and dropout:
        raise NotImplementedError("dropout between recurrent layers")
    sequence = x.transpose(0, 1) if batch_first else x
    directions, each = 2 if bidirectional else 1, 4 if has_biases else 2
    if len(weights) != num_layers * directions * each:
        raise NotImplementedError("recurrent layers with projections")
    last: list[State] = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            mine = weights[place * each : (place + 1) * each]
            inputs, recurrent = mine[:2]
            input_bias, recurrent_bias = mine[2:] if has_biases else (None, None)
            projected = linear(sequence, inputs, input_bias).unbind(0)
            state, steps = tuple(part[place] for part in states), []
            for step in reversed(projected) if direction else projected:
                state = cell(step, state, recurrent, recurrent_bias)
                steps.append(state[0])
            last.append(state)
            outputs.append(torch.stack(steps[::-1] if direction else steps))
        sequence = torch.cat(outputs, -1) if bidirectional else outputs[0]
    final = tuple(torch.stack([state[part] for state in last]) for part in range(len(states)))
    return sequence.transpose(0, 1) if batch_first else sequence, final


def lstm(x: Tensor, states: Any, weights: Any, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    """``torch.lstm`` for padded sequences."""
    output, (hidden, memory) = _stack(lstm_step, x, tuple(states), weights, *rest)
    return output, hidden, memory


def gru(x: Tensor, state: Tensor, weights: Any, *rest: Any) -> tuple[Tensor, Tensor]:
    """``torch.gru`` for padded sequences."""
    output, (hidden,) = _stack(gru_step, x, (state,), weights, *rest)
    return output, hidden


def lstm_cell(
    x: Tensor, states: Any, inputs: Tensor, recurrent: Tensor, input_bias: Tensor | None = None, bias: Tensor | None = None
) -> State:
    """``torch.lstm_cell``."""
    return lstm_step(linear(x, inputs, input_bias), tuple(states), recurrent, bias)


def gru_cell(
    x: Tensor, state: Tensor, inputs: Tensor, recurrent: Tensor, input_bias: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """``torch.gru_cell``."""
    return gru_step(linear(x, inputs, input_bias), (state,), recurrent, bias)[0]


PLAIN: dict[Any, Callable[..., Any]] = {
    torch.lstm: lstm,
    torch.gru: gru,
    torch.lstm_cell: lstm_cell,
    torch.gru_cell: gru_cell,
}


def applies(function: Any, arguments: Sequence[Any]) -> bool:
    """Whether the plain form can be used: not for packed sequences, for which the list of weights is one argument later."""
    return function in (torch.lstm_cell, torch.gru_cell) or isinstance(arguments[2], list)
