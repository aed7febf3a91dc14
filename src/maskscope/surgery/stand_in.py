"""A recurrent layer as torch-pruning can trace it: a linear layer of the same width, in its place for a while.

torch-pruning cannot remove units of an LSTM or a GRU, and fails on a network that has one. It only has to know which layers
write to, and read from, the units of the recurrent layer. A linear layer in its place shows it that, and notes what it removes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.surgery.recurrent import is_simple, narrower


class StandIn(nn.Module):
    """Has the shapes of a recurrent layer, but computes something else.

    Args:
        module: the recurrent layer.
    """

    def __init__(self, module: nn.RNNBase) -> None:
        super().__init__()
        directions = 2 if module.bidirectional else 1
        width = module.proj_size or module.hidden_size
        first = module.get_parameter("weight_ih_l0")
        self.wiring = torch.nn.utils.skip_init(nn.Linear, module.input_size, width * directions, device="cpu").to(first)
        nn.init.constant_(self.wiring.weight, 1.0)
        nn.init.constant_(self.wiring.bias, 0.0)
        self.wiring.requires_grad_(True)
        self._original = (module,)  # in a tuple, so that it is no submodule
        self._states = module.num_layers * directions
        self._width = width
        # what the forward pass of a network may ask of its recurrent layer
        self.input_size, self.hidden_size, self.num_layers = module.input_size, module.hidden_size, module.num_layers
        self.batch_first, self.bidirectional, self.proj_size = module.batch_first, module.bidirectional, module.proj_size
        self.inputs = torch.arange(module.input_size, device=first.device)
        self.units = torch.arange(width * directions, device=first.device)

    @property
    def original(self) -> nn.RNNBase:
        """The recurrent layer."""
        return self._original[0]

    def forward(self, values: Any, hx: Any = None) -> tuple[Any, Any]:
        """Outputs and last states in the shapes of those of the recurrent layer."""
        packed = not isinstance(values, Tensor)
        made = self.wiring(values.data if packed else values)
        if packed:
            result: Any = values._replace(data=made)
            # not a slice: torch-pruning would take it for one of the units
            last = made.index_select(0, torch.arange(int(values.batch_sizes[0]), device=made.device))
        else:
            result = made
            last = made.select(1 if self.batch_first and made.dim() == 3 else 0, -1)
        if len(self.units) != self._width:  # two directions side by side; their units all stay
            last = last[..., : self._width]
        states = torch.stack([last] * self._states) if self._states > 1 else last.unsqueeze(0)
        return result, (states, states) if isinstance(self.original, nn.LSTM) else states

    def flatten_parameters(self) -> None:
        """Nothing to do here; a recurrent layer puts its weights together."""

    def lose(self, numbers: list[int], *, inputs: bool) -> None:
        """Takes note of units that torch-pruning removes."""
        before = self.inputs if inputs else self.units
        stay = torch.ones(len(before), dtype=torch.bool, device=before.device)
        stay[numbers] = False
        if inputs:
            self.inputs = before[stay]
        else:
            self.units = before[stay]

    def smaller(self) -> nn.RNNBase:
        """The recurrent layer without the units that were removed; itself if none was."""
        module = self.original
        if len(self.inputs) == module.input_size and (not is_simple(module) or len(self.units) == module.hidden_size):
            return module
        units = self.units if is_simple(module) else torch.arange(module.hidden_size)
        return narrower(module, self.inputs, units)


@contextmanager
def standing_in(network: nn.Module) -> Iterator[dict[str, StandIn]]:
    """Replaces the recurrent layers inside a network; afterwards there are those without the removed units in their places.

    Args:
        network: is changed. It must not be a recurrent layer itself.
    """
    stand_ins = {name: StandIn(module) for name, module in network.named_modules() if isinstance(module, nn.RNNBase)}
    for name, one in stand_ins.items():
        replace(network, name, one)
    try:
        yield stand_ins
    finally:
        for name, one in stand_ins.items():
            replace(network, name, one.smaller())


def replace(network: nn.Module, name: str, module: nn.Module) -> None:
    """Puts a module in all places of the network where the module with a name is."""
    old = network.get_submodule(name)
    for parent in list(network.modules()):
        for key, child in list(parent.named_children()):
            if child is old:
                setattr(parent, key, module)
