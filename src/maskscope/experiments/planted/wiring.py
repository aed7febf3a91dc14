"""Circuits that are written down: which unit reads which, for multiplexers of bits that are -1 or +1.

One multiplexer is 14 weights (a ReLU on every hidden unit; a unit's bias is not counted, for biases are not masked):

=========  ===========================================  =================================
layer      unit                                         is 1 when, else 0
=========  ===========================================  =================================
1          u = relu(p - q - 1), v = relu(q - p - 1)     p is set and q not; q set and p not
1          c = relu(x_different), d = relu(x_equal)     the bit is set
2          s = relu(u + v + c - 1)                      the selectors differ and c
2          t = relu(d - u - v)                          they are equal and d
3          score of 1: s + t - 1/2; score of 0: 0       the answer is 1
=========  ===========================================  =================================

Bits are -1 or +1 and not 0 or 1, so that u or v falls silent, rather than answering to one selector alone, when it loses one of
its inputs. With bits of 0 or 1 the same circuit is as true and as small, but masks that start with a tenth of the weights
missing do not find their way to it (docs/planted.md).

Two multiplexers with the same selectors share u and v: 4 of their 14 weights each, an IoU of 4 / 24.
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
    switches: Mapping[str, Switch], units: Mapping[str, tuple[Sequence[int], Sequence[int]]], sizes: Sequence[int]
) -> Wiring:
    """The wiring of some multiplexers.

    Args:
        switches: the functions by name.
        units: for each function, the units of the first and of the second hidden layer that it may use, the first ones first;
            functions may share a pool, and never get the same unit unless they share their selectors.
        sizes: units of the input, the two hidden layers and the output.
    """
    board = _Board(sizes, switches)
    used: tuple[set[int], set[int]] = (set(), set())

    def free(function: str, layer: int) -> int:
        unit = next(unit for unit in units[function][layer] if unit not in used[layer])
        used[layer].add(unit)
        return unit

    differing: dict[tuple[int, int], tuple[int, int]] = {}
    for column, (function, switch) in enumerate(switches.items()):
        p, q = switch.selectors
        if (p, q) not in differing:
            differing[p, q] = free(function, 0), free(function, 0)
        u, v = differing[p, q]
        c, d = free(function, 0), free(function, 0)
        s, t = free(function, 1), free(function, 1)
        board.unit(function, 0, u, {p: 1, q: -1}, bias=-1)
        board.unit(function, 0, v, {p: -1, q: 1}, bias=-1)
        board.unit(function, 0, c, {switch.if_different: 1}, bias=0)
        board.unit(function, 0, d, {switch.if_equal: 1}, bias=0)
        board.unit(function, 1, s, {u: 1, v: 1, c: 1}, bias=-1)
        board.unit(function, 1, t, {u: -1, v: -1, d: 1}, bias=0)
        board.unit(function, 2, 2 * column + 1, {s: 1, t: 1}, bias=-0.5)
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

    def unit(self, function: str, layer: int, unit: int, inputs: Mapping[int, float], bias: float) -> None:
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
