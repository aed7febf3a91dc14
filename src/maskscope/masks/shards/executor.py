"""Runs the masked networks of a step on a network that processes share, or shares the runs among processes."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from maskscope.errors import BatchesError, LossError
from maskscope.masks.executors.executor import Executor
from maskscope.masks.executors.gated import GatedWeight, groups
from maskscope.masks.gradient import NO_PATH, BackwardPass, Loss
from maskscope.masks.kernels import SAMPLES_PER_GROUP
from maskscope.masks.shards.call import lent_shards
from maskscope.masks.shards.processes import Processes, shares


@final
class ShardedExecutor(Executor):
    """For each sample: writes the masked values into the shards, calls the network, and runs the backward pass.

    All processes run the same sample at the same time, because FSDP2 gathers one set of weights for all of them; so they have
    the same mask. Each calls the loss with its own share of the sample's part. The loss of the sample is the mean over the
    processes, and FSDP2 makes the gradient the mean too. So if a loss is a mean over items, and the shares are equal, this is the
    step of one process that has the whole part; if all processes have the same part, it is the same step, computed several times.

    Args:
        network: a network that `fully_shard` was called on.
        loss: ``loss(network, share)``, a scalar.
        units: this process's parts of its weights, with those of their masks. They are not the live memory of the network.
        originals: the values of these parts, by dotted name.
        processes: the processes.
    """

    name = "sharded"

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        units: Mapping[str, GatedWeight],
        originals: Mapping[str, Tensor],
        processes: Processes,
    ) -> None:
        super().__init__(network, loss, units)
        self._originals, self._processes = originals, processes
        self._backward = BackwardPass()
        self.reached: set[str] = set()

    def run(self, parts: Sequence[Sequence[Any]]) -> Float[Tensor, "masks samples"]:
        """See `Executor.run`; the losses are the means over the processes."""
        require_equal_shares(parts, self._processes)
        for unit in self.units.values():
            unit.draw()
        losses = [
            self._loss_and_gradients(mask, sample, part) for mask, mine in enumerate(parts) for sample, part in enumerate(mine)
        ]
        found = torch.stack([loss.to(torch.float32).reshape(()) for loss in losses]).to(self._processes.device)
        return self._processes.add_up(found).div_(self._processes.size).view(len(parts), -1)

    def _loss_and_gradients(self, mask: int, sample: int, part: Any) -> Tensor:
        with lent_shards(self.networks[0], self._originals) as lent:
            with torch.no_grad():
                for name, unit in self.units.items():
                    if unit.shape.numel():
                        unit.copy_sample(mask, sample, lent.live[name].view(-1))
            with torch.enable_grad():
                value = self.loss(lent.network, part)
                self._backward.run_through_all(value)
            gradients = lent.gradients()
        if not gradients:
            raise LossError(f"{NO_PATH} Or FSDP was told not to add up gradients: network.set_requires_gradient_sync(True).")
        self.reached |= set(gradients)
        for name, gradient in gradients.items():
            if gradient.numel():
                self.units[name].take_sample(mask, sample, gradient)
        return value.detach()


@final
class DealtExecutor(Executor):
    """Shares the S runs of a step among processes that each have the whole network, and adds up the gradients.

    Every process draws the same gates, because draws depend on their address alone; it runs only its own samples. The sum over
    processes is the sum of one process in another order, so it is the same up to rounding; and it is the same in all processes
    to the bit.

    Args:
        inner: the executor for the samples of this process.
        gradients: for each mask, the vector that gradients are added to.
        processes: the processes.
    """

    name = "dealt"

    def __init__(self, inner: Executor, gradients: Sequence[Tensor], processes: Processes) -> None:
        super().__init__(inner.networks, inner.loss, inner.units)
        self._inner, self._gradients, self._processes = inner, gradients, processes

    def add_gradients(self, step: int, parts: Sequence[Sequence[Any]], samples: int) -> Float[Tensor, " masks"]:
        """See `Executor.add_gradients`."""
        if not self._processes.is_first:  # what is there already is the same everywhere, and counts once
            for gradient in self._gradients:
                gradient.zero_()
        turns = len(parts[0]) // samples
        total = torch.zeros(len(parts), dtype=torch.float32, device=self._processes.device)
        for group, size in groups(samples):
            for turn in range(turns):
                place = (self._processes.rank + group + turn) % self._processes.size
                mine = shares(size, self._processes.size)[place]
                if not mine:
                    continue
                for unit in self.units.values():
                    unit.begin(step, group, len(mine), 1 / len(parts[0]), mine.start)
                first = group * SAMPLES_PER_GROUP
                chosen = [[own[(first + sample) * turns + turn] for sample in mine] for own in parts]
                total += self._inner.run(chosen).to(total.device, torch.float32).sum(1)
        for gradient in self._gradients:
            self._processes.add_up(gradient)
        return self._processes.add_up(total).to("cpu") / len(parts[0])

    def run(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """See `Executor.run`: all samples of the group, in this process."""
        return self._inner.run(parts)

    def state(self) -> dict[str, Tensor]:
        """See `Executor.state`."""
        return self._inner.state()

    def close(self) -> None:
        """See `Executor.close`."""
        self._inner.close()


def require_equal_shares(parts: Sequence[Sequence[Any]], processes: Processes) -> None:
    """Checks that every process has equally many items of each part, as far as the first tensors of parts show it.

    Raises:
        BatchesError: it does not; the mean over the processes would not be the mean over the items.
    """
    mine = [_items(part) for own in parts for part in own]
    counts = torch.tensor([[count, count * count] for count in mine], dtype=torch.float64, device=processes.device)
    sums = processes.add_up(counts)
    # by Cauchy and Schwarz, n times the sum of squares is the square of the sum only if all are equal
    if bool((sums[:, 1] * processes.size != sums[:, 0].square()).any()):
        of_all = processes.gathered(mine)
        raise BatchesError(
            "The processes have unequal shares of a part; items in its first tensor: "
            + "; ".join(f"process {place}: {counts}" for place, counts in enumerate(of_all))
            + ". The mean over the processes would not be the mean over the items. Give each process equally many."
        )


def _items(part: Any) -> int:
    """The first size of the first tensor in a part; 0 if there is none."""
    if isinstance(part, Tensor):
        return part.shape[0] if part.dim() else 1
    values = part.values() if isinstance(part, Mapping) else part if isinstance(part, list | tuple) else ()
    return next((found for value in values if (found := _items(value))), 0)
