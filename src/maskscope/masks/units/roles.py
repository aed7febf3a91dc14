"""What each selected tensor is for: found from the module that owns it. The rules for units are written in these words."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from maskscope.masks.units.layout import Layout

# the number of gates whose weights a recurrent layer stacks, by class
_GATES: tuple[tuple[type[nn.Module], int], ...] = (
    (nn.LSTM, 4),
    (nn.LSTMCell, 4),
    (nn.GRU, 3),
    (nn.GRUCell, 3),
    (nn.RNN, 1),
    (nn.RNNCell, 1),
)


@dataclass(frozen=True, eq=False)
class Role:
    """What a selected tensor is for.

    Args:
        name: its dotted name.
        shape: its shape.
        path: the dotted name of the module that owns it; empty for the network itself.
        module: this module.
        kind: in words: ``linear weight``, ``convolution weight``, ``bias`` and so on; for messages.
        row: the layout of its rows: the fan-in of each neuron, the filter of each output channel. None if it has none.
        column: the layout of its columns: the fan-out of each input. None if it has none.
    """

    name: str
    shape: tuple[int, ...]
    path: str
    module: nn.Module
    kind: str
    row: Layout | None
    column: Layout | None

    @property
    def count(self) -> int:
        """The number of weights."""
        return math.prod(self.shape)

    @property
    def attribute(self) -> str:
        """The last part of its name, as the module calls it."""
        return self.name.rpartition(".")[2]

    @property
    def is_convolution(self) -> bool:
        """Whether it is of a convolution, transposed or not."""
        return isinstance(self.module, _ConvNd)

    @property
    def is_swapped(self) -> bool:
        """Whether the matrix is stored as ``[in, out]``, as in the class ``Conv1D`` of transformers."""
        return is_conv1d(self.module)


def roles_of(network: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Role, ...]:
    """The roles of some parameters of a network, in their order.

    Args:
        network: any module.
        shapes: the shapes of the parameters, by canonical dotted name.
    """
    modules = dict(network.named_modules())
    found = []
    for name, shape in shapes.items():
        path, _, attribute = name.rpartition(".")
        module = modules.get(path, network)
        kind, row, column = _layouts(module, attribute, shape)
        found.append(Role(name, tuple(shape), path, module, kind, row, column))
    return tuple(found)


def is_conv1d(module: nn.Module) -> bool:
    """Whether it is the layer of transformers that GPT-2 uses: linear, with its weight stored as ``[in, out]``.

    It is recognised by the name of its class, so that transformers need not be installed.
    """
    return any(one.__name__ == "Conv1D" for one in type(module).__mro__)


def listing(names: Iterable[str], most: int = 6) -> str:
    """Some names for a message."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


Found = tuple[str, Layout | None, Layout | None]


def _layouts(module: nn.Module, attribute: str, shape: tuple[int, ...]) -> Found:
    """The kind of a tensor, its rows and its columns."""
    if len(shape) == 1 and not isinstance(module, nn.RNNBase | nn.RNNCellBase):
        kind = "bias" if "bias" in attribute else f"vector of a {type(module).__name__}"
        return kind, Layout(1, shape[0], 1), None
    if isinstance(module, _ConvNd) and attribute == "weight":
        return _of_convolution(module, shape)
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return _of_recurrent(module, attribute, shape)
    if is_conv1d(module) and attribute == "weight" and len(shape) == 2:
        return "linear weight stored as [in, out]", Layout(shape[0], shape[1], 1), Layout(1, shape[0], shape[1])
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return "embedding", Layout(1, shape[0], shape[1]), Layout(shape[0], shape[1], 1)
    if _is_matrix(module, attribute, shape):
        return "linear weight", Layout(1, shape[0], math.prod(shape[1:])), Layout(shape[0], math.prod(shape[1:]), 1)
    if isinstance(module, nn.Bilinear) and attribute == "weight":
        return "bilinear weight", Layout(1, shape[0], shape[1] * shape[2]), None
    return f"parameter of a {type(module).__name__}", None, None


def _is_matrix(module: nn.Module, attribute: str, shape: tuple[int, ...]) -> bool:
    """Whether it is a weight ``[out, in]``: of Linear, or one of those that attention has itself."""
    if len(shape) != 2:
        return False
    in_attention = isinstance(module, nn.MultiheadAttention) and attribute.endswith("proj_weight")
    return in_attention or (isinstance(module, nn.Linear) and attribute == "weight")


def _of_convolution(module: _ConvNd, shape: tuple[int, ...]) -> Found:
    kernel, groups = math.prod(shape[2:]), module.groups
    plain = Layout(1, shape[0], shape[1] * kernel)
    # of a grouped convolution, only one with one channel in each group fits into three numbers
    alone = Layout(1, groups, shape[0] // groups * kernel) if shape[1] == 1 else None
    grouped = Layout(shape[0], shape[1], kernel) if groups == 1 else alone
    if isinstance(module, _ConvTransposeNd):  # [in, out / groups, kernel]
        return "transposed convolution weight", grouped, plain
    # [out, in / groups, kernel]
    return "convolution weight", plain, grouped


def _of_recurrent(module: nn.Module, attribute: str, shape: tuple[int, ...]) -> Found:
    if attribute.startswith("weight_hr"):
        return "projection of an LSTM", Layout(1, shape[0], shape[1]), Layout(shape[0], shape[1], 1)
    gates = next((number for kind, number in _GATES if isinstance(module, kind)), 1)
    hidden = shape[0] // gates
    if len(shape) == 1:
        return "bias of a recurrent layer", Layout(gates, hidden, 1), None
    return "recurrent weight", Layout(gates, hidden, shape[1]), Layout(shape[0], shape[1], 1)
