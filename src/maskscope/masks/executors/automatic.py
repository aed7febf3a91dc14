"""The faster executor where it works, the other one where it does not."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from maskscope.errors import ConfigError
from maskscope.masks.executors.batched import BatchedExecutor
from maskscope.masks.executors.executor import Executor, Networks
from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.sequential import SequentialExecutor
from maskscope.masks.executors.stacking import CannotBatchError
from maskscope.masks.gradient import Loss
from maskscope.masks.randomness import Randomness

# vmap turns a convolution into a grouped convolution, which is slower than one call for each sample (reproduction/benchmarks.md).
_SLOWER_BATCHED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


_SEQUENTIAL, _BATCHED, _UNTRIED = range(3)


def is_faster_batched(network: nn.Module) -> bool:
    """Whether one call for all samples is faster than one call for each sample."""
    return not any(isinstance(module, _SLOWER_BATCHED) for module in network.modules())


@final
class AutomaticExecutor(Executor):
    """Uses the batched executor, unless the network has layers that are slower batched, or batching fails.

    The choice depends only on the network and the parts, never on measured time. It is saved in a run's checkpoint (`choice`), so
    that a resumed run continues in the same way.
    """

    name = "auto"
    choice: Tensor

    def __init__(self, network: Networks, loss: Loss, units: Mapping[str, GatedWeight]) -> None:
        super().__init__(network, loss, units)
        self._sequential = SequentialExecutor(network, loss, units)
        self._batched = BatchedExecutor(network, loss, units)
        self.choice = torch.tensor(_UNTRIED if is_faster_batched(self.networks[0]) else _SEQUENTIAL)

    def state(self) -> dict[str, Tensor]:
        """See `Executor.state`."""
        return {"executor": self.choice} | self._batched.state()

    def run(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """See `Executor.run`."""
        if self.choice == _SEQUENTIAL:
            return self._sequential.run(parts)
        before = self.takes
        # saved at the first try only, to restore them if it fails half-way; Adam's moments, twice as large, do not exist yet
        saved = [unit.gradients() for unit in self.units.values()] if self.choice == _UNTRIED else None
        start = None if saved is None else Randomness(next(iter(self.units.values())).device)
        try:
            losses = self._batched.attempt(parts)
            self.choice.fill_(_BATCHED)
            return losses
        except CannotBatchError:  # these parts only
            return self._sequential.run(parts)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if "DefaultCPUAllocator" in str(error):
                raise
            if saved is not None and start is not None:
                start.put_back()  # so that the same random numbers are drawn again
                for unit, gradients in zip(self.units.values(), saved, strict=True):
                    unit.restore(gradients)
            elif self.takes != before:  # some gradients were already added
                raise ConfigError(f"Batched, the backward pass fails: {error}. Take executor='sequential'.") from error
            self.choice.fill_(_SEQUENTIAL)  # vmap cannot do this; an error in the user's code is raised again by the next line
            return self._sequential.run(parts)
