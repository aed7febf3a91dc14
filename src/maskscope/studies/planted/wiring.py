"""Circuits that are written down: which unit reads which, for multiplexers of bits that are -1 or +1.

One multiplexer is 18 weights with a ReLU on every hidden unit (biases are not masked, and not counted):

=====  ==================================================  =====================================
layer  unit                                                is 1 when, else 0
=====  ==================================================  =====================================
1      u = relu(p - q - 1), v = relu(-p + q - 1)           p is set and q not; q set and p not
1      m = relu(p + q - 1), n = relu(-p - q - 1)           both are set; neither is
1      c = relu(x_different), d = relu(x_equal)            the bit is set
2      s = relu(u + v + c - 1)                             the selectors differ and c
2      t = relu(m + n + d - 1)                             they are equal and d
3      score of 1: 2 s + 2 t - 1; score of 0: 0            the answer is 1
=====  ==================================================  =====================================

Every unit falls silent when it loses an input, and none misfires: to lose a weight is a loss in whatever company.

With *inhibition* there are no m and n, and t = relu(d - u - v): 14 weights. That circuit is as true and more concise, but t
misfires when it loses u or v. A mask that starts with a tenth of the weights missing then often learns to do without s or t, and
stays at 75 % of right answers: what random masks find depends on how a circuit fails, and not on its size alone. For the same
reason bits are -1 or +1: with 0 or 1, u and v would need no bias, and answer to one selector alone when they lose the other.

Functions with the same selectors share the units that compare them: u, v, m, n, which is 8 of 18 weights and an IoU of 8 / 28;
with inhibition u and v, 4 of 14 and 4 / 24.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.masks import BinaryMask
from maskscope.tasks.multiplexer import Switch


@dataclass(frozen=True)
class Wiring:
    """Circuits in a network of three layers, all other weights 0.

    Args:
        weights: by dotted name.
        biases: by dotted name.
        circuits: the weights of each function.
    """

    weights: Mapping[str, Float[Tensor, "outputs inputs"]]
    biases: Mapping[str, Float[Tensor, " outputs"]]
    circuits: Mapping[str, BinaryMask]


def wire(
    switches: Mapping[str, Switch],
    units: Mapping[str, tuple[Sequence[int], Sequence[int]]],
    sizes: Sequence[int],
    *,
    inhibition: bool = False,
) -> Wiring:
    """The wiring of some multiplexers.

    Args:
        switches: the functions by name.
        units: for each function, the units of the first and of the second hidden layer that it may use, the first ones first;
            functions may share a pool, and never get the same unit unless they share their selectors.
        sizes: units of the input, the two hidden layers and the output.
        inhibition: the 14-weight circuit, of which a unit misfires when it loses an input.
    """
    board = _Board(sizes, switches)
    used: tuple[set[int], set[int]] = (set(), set())

    def free(function: str, layer: int) -> int:
        unit = next(unit for unit in units[function][layer] if unit not in used[layer])
        used[layer].add(unit)
        return unit

    comparing: dict[tuple[int, int], list[int]] = {}
    for column, (function, switch) in enumerate(switches.items()):
        p, q = switch.selectors
        if (p, q) not in comparing:
            comparing[p, q] = [free(function, 0) for _ in range(2 if inhibition else 4)]
        u, v, *equal = comparing[p, q]
        c, d, s, t = free(function, 0), free(function, 0), free(function, 1), free(function, 1)
        board.unit(function, 0, u, {p: 1, q: -1}, bias=-1)
        board.unit(function, 0, v, {p: -1, q: 1}, bias=-1)
        board.unit(function, 0, c, {switch.if_different: 1}, bias=0)
        board.unit(function, 0, d, {switch.if_equal: 1}, bias=0)
        board.unit(function, 1, s, {u: 1, v: 1, c: 1}, bias=-1)
        if inhibition:
            board.unit(function, 1, t, {u: -1, v: -1, d: 1}, bias=0)
        else:
            m, n = equal
            board.unit(function, 0, m, {p: 1, q: 1}, bias=-1)
            board.unit(function, 0, n, {p: -1, q: -1}, bias=-1)
            board.unit(function, 1, t, {m: 1, n: 1, d: 1}, bias=-1)
        board.unit(function, 2, 2 * column + 1, {s: 2, t: 2}, bias=-1)
    return Wiring(board.weights, board.biases, {function: BinaryMask(bits) for function, bits in board.bits.items()})


class _Board:
    """Tensors that units are wired into."""

    def __init__(self, sizes: Sequence[int], functions: Mapping[str, Switch]) -> None:
        shapes = {weight_name(layer): (sizes[layer + 1], sizes[layer]) for layer in range(3)}
        self.weights = {name: torch.zeros(shape) for name, shape in shapes.items()}
        self.biases = {bias_name(layer): torch.zeros(sizes[layer + 1]) for layer in range(3)}
        self.bits = {
            function: {name: torch.zeros(shape, dtype=torch.bool) for name, shape in shapes.items()} for function in functions
        }

    def unit(self, function: str, layer: int, unit: int, inputs: Mapping[int, int], bias: int) -> None:
        """Gives a unit its inputs and its bias, as part of a function's circuit."""
        for source, value in inputs.items():
            self.weights[weight_name(layer)][unit, source] = value
            self.bits[function][weight_name(layer)][unit, source] = True
        self.biases[bias_name(layer)][unit] = bias


def weight_name(layer: int) -> str:
    """The dotted name of a layer's weights in `maskscope.zoo.MLP`."""
    return f"layers.{layer}.weight"


def bias_name(layer: int) -> str:
    """The dotted name of a layer's biases in `maskscope.zoo.MLP`."""
    return f"layers.{layer}.bias"
