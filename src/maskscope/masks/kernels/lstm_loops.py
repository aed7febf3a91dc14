"""What an LSTM does between its products, a step at a time, as loops like those of `loops.py`; `packed.py` calls them.

Each inner loop goes along one row of few arrays, so that the compiler vectorises it. Arrays of states have the rows of the
initial state in front of those of all steps: what comes before a step's rows begins at ``earlier``, its own at ``now``.
"""

import numpy as np
from numba import njit, types
from numba.extending import overload

from maskscope.masks.kernels.compiler import compiled
from maskscope.masks.kernels.logistic_loops import exp

f32 = np.float32


def _sigmoid(x):
    raise NotImplementedError("compiled code only")


def _tanh(x):
    raise NotImplementedError("compiled code only")


@overload(_sigmoid)
def _sigmoid_of(x):
    if x == types.float32:
        return lambda x: f32(1) / (f32(1) + exp(min(max(-x, f32(-80)), f32(80))))
    return lambda x: 1 / (1 + np.exp(-x))


@overload(_tanh)
def _tanh_of(x):
    if x == types.float32:
        return lambda x: _tanh_in_single(x)
    return lambda x: np.tanh(x)


@njit
def _tanh_in_single(x):
    """Within 3e-7 of it, relatively: a polynomial (Cephes' tanhf, Moshier) where the quotient would cancel."""
    square = x * x
    p = f32(-5.70498872745e-3)
    p = p * square + f32(2.06390887954e-2)
    p = p * square - f32(5.37397155531e-2)
    p = p * square + f32(1.33314422036e-1)
    p = p * square - f32(3.33332819422e-1)
    near = p * square * x + x
    far = f32(1) - f32(2) / (f32(1) + exp(min(max(x + x, f32(-80)), f32(80))))
    return near if abs(x) < f32(0.625) else far


@compiled(contract=True, parallel=False)
def step_forward(gates, memories, squashed, states, earlier, now, first, rows):
    """Projected gates to gates, memories and outputs.

    Args:
        gates: ``[n, 4 * units]``, what the products made; becomes the gates, in torch's order (enter, forget, candidate, leave).
        memories: ``[initial + n, units]``.
        squashed: ``[n, units]``; becomes the hyperbolic tangent of the memories.
        states: ``[initial + n, units]``, what is put out.
        earlier: first row of the memories before this step.
        now: first row of this step in memories and states.
        first: first row of this step in gates and squashed.
        rows: of this step.
    """
    units = squashed.shape[1]
    for row in range(rows):
        mine = gates[first + row]
        open_, candidate, leave = mine[: 2 * units], mine[2 * units : 3 * units], mine[3 * units :]
        for j in range(open_.size):
            open_[j] = _sigmoid(open_[j])
        for j in range(units):
            candidate[j] = _tanh(candidate[j])
        for j in range(units):
            leave[j] = _sigmoid(leave[j])
        enter, forget, before, memory = open_[:units], open_[units:], memories[earlier + row], memories[now + row]
        for j in range(units):
            memory[j] = forget[j] * before[j] + enter[j] * candidate[j]
        tanh, state = squashed[first + row], states[now + row]
        for j in range(units):
            tanh[j] = _tanh(memory[j])
            state[j] = leave[j] * tanh[j]


@compiled(contract=True, parallel=False)
def step_backward(gates, memories, squashed, grad, grad_state, grad_memory, grad_gates, earlier, first, rows):
    """The gradients of a step's gates before they were squashed, and of the memories before it.

    Args:
        gates: as `step_forward` leaves them.
        memories: as `step_forward` leaves them.
        squashed: as `step_forward` leaves them.
        grad: ``[n, units]``, of what was put out.
        grad_state: ``[initial, units]``, what later steps add to it.
        grad_memory: ``[initial, units]``, of this step's memories by later steps; becomes that of the memories before it.
        grad_gates: ``[n, 4 * units]``, where the gates' go.
        earlier: as in `step_forward`.
        first: as in `step_forward`.
        rows: as in `step_forward`.
    """
    units = squashed.shape[1]
    one = squashed.dtype.type(1)
    for row in range(rows):
        gate, into = gates[first + row], grad_gates[first + row]
        enter, forget, candidate, leave = gate[:units], gate[units : 2 * units], gate[2 * units : 3 * units], gate[3 * units :]
        into_enter, into_forget = into[:units], into[units : 2 * units]
        into_candidate, into_leave = into[2 * units : 3 * units], into[3 * units :]
        tanh, given, later, memory = squashed[first + row], grad[first + row], grad_state[row], grad_memory[row]
        for j in range(units):
            whole = given[j] + later[j]
            memory[j] += whole * leave[j] * (one - tanh[j] * tanh[j])
            into_leave[j] = whole * tanh[j] * leave[j] * (one - leave[j])
        for j in range(units):
            into_enter[j] = memory[j] * candidate[j] * enter[j] * (one - enter[j])
            into_candidate[j] = memory[j] * enter[j] * (one - candidate[j] * candidate[j])
        before = memories[earlier + row]
        for j in range(units):
            into_forget[j] = memory[j] * before[j] * forget[j] * (one - forget[j])
            memory[j] *= forget[j]
