"""The processes that search together: what each has to tell the others, in numbers and in settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from maskscope.errors import ConfigError
from maskscope.storage import Json, canonical_json

_LONGEST = 60  # characters of a setting in a message


@dataclass(frozen=True)
class Processes:
    """A group of processes, each of which calls the methods in the same order: every method waits for all.

    Args:
        rank: the number of this process in the group.
        size: the number of processes.
        device: where tensors have to be for this group to exchange them: ``cpu`` for gloo.
        group: torch's process group; None for the default group.
    """

    rank: int
    size: int
    device: torch.device
    group: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that speaks for all."""
        return self.rank == 0

    def add_up(self, tensor: Tensor) -> Tensor:
        """Replaces a tensor by its sum over the processes, which is the same in all of them to the bit."""
        if tensor.device.type == self.device.type:
            dist.all_reduce(tensor, group=self.group)
            return tensor
        moved = tensor.to(self.device)
        dist.all_reduce(moved, group=self.group)
        return tensor.copy_(moved)

    def totals(self, *numbers: float | int) -> list[float]:
        """The sum over the processes of each of some numbers."""
        found: list[float] = self.add_up(torch.tensor(numbers, dtype=torch.float64, device=self.device)).tolist()
        return found

    def joined(self, tensor: Tensor) -> Tensor:
        """The tensors of all processes, of one shape, one after the other along the first dimension."""
        found = [torch.empty_like(tensor) for _ in range(self.size)]
        dist.all_gather(found, tensor.contiguous(), group=self.group)
        return torch.cat(found)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in at least one process."""
        return self.totals(float(flag))[0] > 0

    def gathered(self, value: Any) -> list[Any]:
        """The values of all processes, in the order of their numbers. For small objects: they are pickled."""
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value, group=self.group)
        return found

    def require_same(self, settings: Json) -> None:
        """Checks that the processes have the same settings, and lets all of them fail if they do not.

        Args:
            settings: by name; anything that can be written as JSON.

        Raises:
            ConfigError: some differ; the message names them, with the values of two processes.
        """
        found = self.gathered({name: canonical_json(value) for name, value in settings.items()})
        faults = []
        for name in dict.fromkeys(name for one in found for name in one):
            values = [one.get(name, "not there") for one in found]
            other = next((place for place, value in enumerate(values) if value != values[0]), None)
            if other is not None:
                faults.append(f"{name}: {_shown(values[0])} in process 0, {_shown(values[other])} in process {other}")
        if faults:
            raise ConfigError(
                f"The {self.size} processes were started with different settings:\n  " + "\n  ".join(faults) + "\nOne search by "
                "several processes needs the same network, loss and settings in each; only the data may differ."
            )

    def raise_together(self, error: Exception | None) -> None:
        """Raises in all processes if one of them has an error: its own, or one that says which process failed.

        Raises:
            ConfigError: another process failed.
        """
        if not self.any(error is not None):
            return
        words = self.gathered(None if error is None else f"{type(error).__name__}: {error}")
        if error is not None:
            raise error
        failed = next(place for place, text in enumerate(words) if text)
        raise ConfigError(f"Process {failed} of {self.size} failed: {words[failed]}")


def all_processes(device: torch.device) -> Processes:
    """All processes that were started together.

    Args:
        device: of the network.

    Raises:
        ConfigError: torch's process group was not made.
    """
    if not (dist.is_available() and dist.is_initialized()):
        raise ConfigError(
            "A search by several processes needs torch's process group. Start the script with torchrun --nproc-per-node N, and "
            "call torch.distributed.init_process_group() in it before the search."
        )
    return Processes(dist.get_rank(), dist.get_world_size(), _exchange_device(device))


def _exchange_device(device: torch.device) -> torch.device:
    return torch.device("cpu") if "gloo" in str(dist.get_backend()) else device


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def shares(count: int, parts: int) -> Sequence[range]:
    """Divides ``count`` things among ``parts``, in order, as evenly as possible."""
    return [range(count * part // parts, count * (part + 1) // parts) for part in range(parts)]
