"""One call of the network for each sample. This is the definition of a step, and works for every network."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn

from maskscope.masks.executors.executor import Executor, Networks
from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.packed import PackedLSTMMode
from maskscope.masks.gradient import BackwardPass, Loss, loss_and_handed_gradients


@final
class SequentialExecutor(Executor):
    """For each sample: makes a masked copy of the weights, calls the network, and runs the backward pass.

    Only one masked copy is in memory at a time; each weight gradient is turned into that of the logits when it is ready.
    """

    name = "sequential"
    _copies: dict[str, Tensor] | None = None

    def __init__(self, network: Networks, loss: Loss, units: Mapping[str, GatedWeight]) -> None:
        super().__init__(network, loss, units)
        self._backward = BackwardPass()

    def run(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """See `Executor.run`."""
        units = self.units
        if self._copies is None:
            self._copies = {name: torch.empty(unit.shape, dtype=unit.dtype, device=unit.device) for name, unit in units.items()}
        for unit in units.values():
            unit.draw()
        losses = []
        for mask, mine in enumerate(parts):
            for sample, part in enumerate(mine):
                for name, unit in units.items():
                    unit.copy_sample(mask, sample, self._copies[name].view(-1))
                takers = {name: partial(unit.take_sample, mask, sample) for name, unit in units.items()}
                with self.precision(), PackedLSTMMode():
                    losses.append(self._loss_of(self.networks[mask], part, takers))
        return torch.stack([loss.to(torch.float32).reshape(()) for loss in losses]).view(len(parts), -1)

    def _loss_of(self, network: nn.Module, part: Any, takers: Mapping[str, Callable[[Tensor], object]]) -> Tensor:
        assert self._copies is not None
        return loss_and_handed_gradients(network, self.loss, part, self._copies, takers, self._backward)
