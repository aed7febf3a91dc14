"""What an executor is: it runs the masked networks of a step and adds their gradients to those of the logits."""

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

# that of all masks, or that of each
Networks = nn.Module | Sequence[nn.Module]


class Executor(ABC):
    """A way to run the S masked networks of a step, for one mask or for several masks that are searched together.

    All executors compute the same: the mean over the samples k of the loss of the network under sample k on part k, and

        gradient of l  +=  1/S * sum over k of  w * g_k * slope_k

    for every mask, up to rounding.

    Args:
        network: the network, in the mode in which it is to run; or a sequence with that of each mask: they have the same layers
            and shapes, other weights, and perhaps other data.
        loss: ``loss(network, part)``, a scalar.
        units: its weight tensors with their masks, by dotted name.
    """

    name: str

    def __init__(self, network: Networks, loss: Loss, units: Mapping[str, GatedWeight]) -> None:
        masks = next(iter(units.values())).masks
        self.networks = [network] * masks if isinstance(network, nn.Module) else list(network)
        self.loss, self.units = loss, units
        self._reduced = next((unit.dtype for unit in units.values() if unit.is_reduced), None)

    def add_gradients(self, step: int, parts: Sequence[Sequence[Any]], samples: int) -> Float[Tensor, " masks"]:
        """Runs a step and adds its gradients to those of every mask.

        Args:
            step: the number of the step; the random draws depend on it.
            parts: for each mask, its parts of data: all parts of the first sample, then those of the second, and so on; every
                sample has equally many.
            samples: S, the number of samples.

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

    @property
    def distinct(self) -> list[nn.Module]:
        """The networks, each once."""
        return list({id(network): network for network in self.networks}.values())

    @abstractmethod
    def run(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """Runs one group of samples, for which `GatedWeight.begin` was called. Returns the losses, ``[masks, samples]``."""

    def state(self) -> dict[str, Tensor]:
        """Choices that it made during the run, as live tensors, to be saved in a checkpoint and restored from it."""
        return {}

    def close(self) -> None:  # noqa: B027 - most executors have nothing to release
        """Releases resources other than memory, such as threads; a later step creates them again."""

    @property
    def takes(self) -> int:
        """How many weight gradients have been taken so far."""
        return sum(unit.takes for unit in self.units.values())

    def precision(self) -> AbstractContextManager[object]:
        """Autocast to the dtype of the masked copies, if this is a lower precision than that of the weights."""
        if self._reduced is None:
            return nullcontext()
        device = next(iter(self.units.values())).device
        return torch.autocast(device.type, dtype=self._reduced)
