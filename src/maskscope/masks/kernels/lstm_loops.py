"""The operations of an LSTM step other than matrix products, as loops like those of `loops.py`; `packed.py` calls them.

Each inner loop runs along one row of a few arrays, so that the compiler vectorises it. In arrays of states, the rows of the
initial state are in front of those of all steps: the states before a step start at row ``earlier``, those after it at row
``now``.
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
    """The tanh of x, with a relative error below 3e-7; near 0, where the quotient cancels, Cephes' tanhf (Moshier)."""
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
    """Computes gates, memories (cell states) and outputs of a step from the projected gates.

    Args:
        gates: ``[n, 4 * units]``, the results of the products; overwritten by the gates, in torch's order: input (enter), forget,
            candidate, output (leave).
        memories: ``[initial + n, units]``; the rows of this step are written.
        squashed: ``[n, units]``; receives the hyperbolic tangent of the memories.
        states: ``[initial + n, units]``; receives the outputs.
        earlier: the first row of the memories before this step.
        now: the first row of this step in memories and states.
        first: the first row of this step in gates and squashed.
        rows: the number of rows of this step.
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
    """Computes the gradients of a step: of the gates before the activation functions, and of the memories before the step.

    Args:
        gates: as `step_forward` leaves them.
        memories: as `step_forward` leaves them.
        squashed: as `step_forward` leaves them.
        grad: ``[n, units]``, the gradients of the outputs.
        grad_state: ``[initial, units]``, the gradients of the outputs that come from later steps.
        grad_memory: ``[initial, units]``, the gradients of this step's memories that come from later steps; overwritten by those
            of the memories before this step.
        grad_gates: ``[n, 4 * units]``, receives the gradients of the gates.
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
