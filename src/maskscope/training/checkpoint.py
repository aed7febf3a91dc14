"""Where a run stands, in one file, so that a killed run goes on to the same bits."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from maskscope.errors import ConfigError
from maskscope.storage import Json, read_tensors, write_tensors


class ThreadsWarning(UserWarning):
    """A run is resumed under another number of threads, and its last bits may differ from an unbroken run's."""


@dataclass(frozen=True)
class Checkpoint:
    """Where to keep a run's state, and how often.

    Args:
        path: one file, written whole or not at all; after the run it holds the end state, and may be deleted.
        every_seconds: the least time between two writes; a run that is interrupted by Ctrl-C writes at once.
    """

    path: Path
    every_seconds: float = 60.0


@dataclass
class Saved:
    """The state of a run after ``step`` steps."""

    step: int
    seconds: float
    tensors: dict[str, Tensor]
    histories: list[Json]


def load(checkpoint: Checkpoint, identity: Json) -> Saved | None:
    """The saved state, or None if there is none yet.

    Raises:
        FileFormatError: the file is damaged.
        ConfigError: it belongs to a run with other settings.
    """
    if not checkpoint.path.exists():
        return None
    tensors, metadata = read_tensors(checkpoint.path, kind="checkpoint")
    found = metadata["identity"]
    # a warm start is made of sums, whose last bits depend on the threads; the saved logits stand in its place anyway
    passed_over = {"initial"} if metadata["threads"] != torch.get_num_threads() else set()
    differing = [key for key in sorted({*found, *identity} - passed_over) if found.get(key) != identity.get(key)]
    if differing:
        raise ConfigError(
            f"{checkpoint.path} belongs to a run with another {', '.join(differing)}. Delete it to start anew, or go back to "
            "the settings that it was made with."
        )
    if metadata["threads"] != torch.get_num_threads():
        warnings.warn(
            f"resuming with {torch.get_num_threads()} threads a run begun with {metadata['threads']}: sums are taken in another "
            "order, so the result may differ in its last bits from that of an unbroken run",
            ThreadsWarning,
            stacklevel=2,
        )
    return Saved(metadata["step"], metadata["seconds"], tensors, metadata["histories"])


class Keeper:
    """Writes checkpoints when it is time."""

    def __init__(self, checkpoint: Checkpoint, identity: Json) -> None:
        self._checkpoint, self._identity = checkpoint, identity
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether the time between two writes has passed."""
        return time.monotonic() - self._last >= self._checkpoint.every_seconds

    def write(self, saved: Saved) -> None:
        """Writes the state."""
        metadata = {
            "identity": self._identity,
            "step": saved.step,
            "seconds": saved.seconds,
            "histories": saved.histories,
            "threads": torch.get_num_threads(),
        }
        write_tensors(self._checkpoint.path, saved.tensors, kind="checkpoint", metadata=metadata)
        self._last = time.monotonic()


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimizer's state as flat names: ``optimizer/<parameter index>/<state>``."""
    return {
        f"optimizer/{index}/{name}": value if isinstance(value, Tensor) else torch.tensor(value)
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Puts back what `optimizer_tensors` took."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
