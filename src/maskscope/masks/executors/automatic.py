"""The faster executor where it works, the other one where it does not."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from torch import Tensor, nn

from maskscope.masks.executors.batched import BatchedExecutor, CannotBatchError
from maskscope.masks.executors.executor import Executor
from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.sequential import SequentialExecutor
from maskscope.masks.gradient import Loss

# Batched, a convolution becomes a grouped one, which takes longer than one call for each sample (reproduction/benchmarks.md).
_SLOWER_BATCHED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@final
class AutomaticExecutor(Executor):
    """Batched, unless the network has layers for which that is slower, or it turns out not to work.

    The choice depends on the network and the parts alone, never on a clock: so a run that is taken up goes on as it began.
    """

    name = "auto"

    def __init__(self, network: nn.Module, loss: Loss, units: Mapping[str, GatedWeight]) -> None:
        super().__init__(network, loss, units)
        self._sequential = SequentialExecutor(network, loss, units)
        suits = not any(isinstance(module, _SLOWER_BATCHED) for module in network.modules())
        self._batched = BatchedExecutor(network, loss, units) if suits else None
        self._tried = False

    @property
    def chosen(self) -> str:
        """The executor that is used."""
        return self._sequential.name if self._batched is None else self._batched.name

    def run(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """See `Executor.run`."""
        if self._batched is None:
            return self._sequential.run(parts)
        if self._tried:
            try:
                return self._batched.attempt(parts)
            except CannotBatchError:  # these parts only: raised before anything is done
                return self._sequential.run(parts)
        self._tried = True
        before = [unit.gradients() for unit in self.units.values()]
        try:
            return self._batched.attempt(parts)
        except Exception:  # whatever vmap cannot do; an error of the user's own comes again below
            self._batched = None
            for unit, gradients in zip(self.units.values(), before, strict=True):
                unit.restore(gradients)
            return self._sequential.run(parts)
