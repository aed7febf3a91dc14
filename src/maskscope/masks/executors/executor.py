"""What an executor is: it runs the masked networks of a step and brings their gradients home."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from maskscope.masks.executors.gated import GatedWeight, groups
from maskscope.masks.gradient import Loss
from maskscope.masks.kernels import SAMPLES_PER_GROUP


class Executor(ABC):
    """A way to run the S masked networks of a step, for one mask in work or several.

    All of them do the same: mean over the samples k of the loss of the network under sample k on part k, and

        gradient of l  +=  1/S * sum over k of  w * g_k * slope_k

    to rounding, for every mask.

    Args:
        network: the guest, in the mode in which it is to run.
        loss: ``loss(network, part)``, a scalar.
        units: its weight tensors under their masks, by dotted name.
    """

    name: str

    def __init__(self, network: nn.Module, loss: Loss, units: Mapping[str, GatedWeight]) -> None:
        self.network, self.loss, self.units = network, loss, units
        self._reduced = next((unit.dtype for unit in units.values() if unit.is_reduced), None)

    def add_gradients(self, step: int, parts: Sequence[Sequence[Any]], samples: int) -> Float[Tensor, " masks"]:
        """Adds the gradients of a step to every mask's.

        Args:
            step: its number; it addresses the draws.
            parts: for each mask, its parts of data: sample after sample, the same number for each.
            samples: S.

        Returns:
            The mean loss of each mask.
        """
        turns = len(parts[0]) // samples
        total = torch.zeros(len(parts), dtype=torch.float32, device="cpu")
        for group, size in groups(samples):
            for unit in self.units.values():
                unit.begin(step, group, size, 1 / len(parts[0]))
            first = group * SAMPLES_PER_GROUP
            for turn in range(turns):
                chosen = [[mine[(first + sample) * turns + turn] for sample in range(size)] for mine in parts]
                total += self.run(chosen).to("cpu", torch.float32).sum(1)
        return total / len(parts[0])

    @abstractmethod
    def run(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """One group of samples; the units are turned to it. Returns the losses, ``[masks, samples]``."""

    def state(self) -> dict[str, Tensor]:
        """What it has found out on the way and goes by; the live tensors, for a run's checkpoint."""
        return {}

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Gives back what is held beside memory, such as threads; a later step gets it anew."""

    @property
    def takes(self) -> int:
        """How many weight gradients have been taken so far."""
        return sum(unit.takes for unit in self.units.values())

    def precision(self) -> AbstractContextManager[object]:
        """Where masked copies are of lower precision, what they meet is brought to it by torch's autocast."""
        if self._reduced is None:
            return nullcontext()
        device = next(iter(self.units.values())).device
        return torch.autocast(device.type, dtype=self._reduced)
