"""Where a run stands, in one file, so that a killed run goes on to the same bits."""

import math
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from maskscope.errors import ConfigError, FileFormatError, RunFolderError
from maskscope.masks.maskable import is_plain
from maskscope.storage import Json, digest, pack_tensors, read_tensors, tensor_digest, user_path, write_tensors
from maskscope.training.saved import Saved, Structure, checked, with_nan

STATE = "state/"


class ThreadsWarning(UserWarning):
    """A run is resumed under another number of threads, and its last bits may differ from an unbroken run's."""


@dataclass(frozen=True)
class Checkpoint:
    """Where to keep a run's state, and how often.

    Args:
        path: one file, written whole or not at all; after the run it holds the end state, and may be deleted.
        every_seconds: the least time between two writes; a run that is interrupted by Ctrl-C writes at once.

    Raises:
        ConfigError: the path can be none, or the time is negative.
    """

    path: str | Path
    every_seconds: float = 60.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", user_path(self.path, argument="checkpoint"))
        if not self.every_seconds >= 0:
            raise ConfigError(f"every_seconds is {self.every_seconds}; a number of at least 0 was expected.")

    @property
    def file(self) -> Path:
        """The path, as a `pathlib.Path`."""
        return Path(self.path)


def as_checkpoint(given: Checkpoint | str | Path | None) -> Checkpoint | None:
    """What a user gives as ``checkpoint=``, made one: a path alone is a checkpoint with the usual time between writes."""
    return given if given is None or isinstance(given, Checkpoint) else Checkpoint(given)


def values_digest(tensors: Mapping[str, Tensor]) -> str:
    """The identity of tensors by name: their names, dtypes, shapes and values."""
    return digest({name: tensor_digest(tensor if is_plain(tensor) else tensor.to_dense()) for name, tensor in tensors.items()})


def require_storable(tensors: Mapping[str, Tensor]) -> None:
    """Looks whether a checkpoint can hold them, before a run begins.

    Raises:
        ConfigError: names those that it cannot.
    """
    faults = []
    for name, tensor in tensors.items():
        if not is_plain(tensor):
            faults.append(f"{name} is sparse, quantised, not initialised yet, or has no values")
            continue
        try:
            pack_tensors({name: torch.empty(0, dtype=tensor.dtype, device="cpu")}, kind="checkpoint", metadata={})
        except KeyError:  # of safetensors, for a dtype that it does not know
            faults.append(f"{name} is {tensor.dtype}")
    if faults:
        raise ConfigError(
            "A checkpoint cannot hold all of this network; it takes dense tensors of the usual dtypes:\n  "
            + "\n  ".join(faults)
            + "\nRun the network once on an example if it has lazy layers; else leave checkpoint= out."
        )


def load(checkpoint: Checkpoint, identity: Json, structure: Structure) -> Saved | None:
    """The saved state, or None if there is none yet. Nothing of the run is changed.

    A run whose ``weights`` are not those that the file's run began with goes on nevertheless if they are those that the file
    holds: then it is the same network, trained until there.

    Args:
        checkpoint: where it is.
        identity: of the run, which must be that of the file.
        structure: what the file must hold.

    Raises:
        FileFormatError: the file is damaged, or holds what no run writes.
        ConfigError: it belongs to a run with other settings.
        RunFolderError: the folder cannot be looked into.
    """
    path = checkpoint.file
    try:
        if not path.exists():
            return None
    except OSError as error:
        raise RunFolderError(f"Cannot look for the checkpoint {path}: {error.strerror}.") from error
    tensors, told = read_tensors(path, kind="checkpoint")
    metadata: object = told  # whatever JSON is in a file
    if not isinstance(metadata, dict) or not isinstance(metadata.get("identity"), dict):
        raise FileFormatError(f"{path} does not say which run it belongs to, so it is no checkpoint. Delete it to start anew.")
    found, threads = metadata["identity"], metadata.get("threads")
    # a warm start is made of sums, whose last bits depend on the threads; the saved logits stand in its place anyway
    passed_over = {"initial"} if threads != torch.get_num_threads() else set()
    differing = [key for key in sorted({*found, *identity} - passed_over) if found.get(key) != identity.get(key)]
    if differing == ["weights"]:
        held = {name.removeprefix(STATE): tensor for name, tensor in tensors.items() if name.startswith(STATE)}
        differing = [] if values_digest(held) == identity["weights"] else differing
    if differing:
        raise ConfigError(
            f"{path} belongs to a run with another {', '.join(differing)}. Delete it to start anew, or go back to "
            "the settings that it was made with."
        )
    saved = checked(tensors, metadata, structure, str(path))
    if threads != torch.get_num_threads():
        warnings.warn(
            f"resuming with {torch.get_num_threads()} threads a run begun with {threads}: sums are taken in another "
            "order, so the result may differ in its last bits from that of an unbroken run",
            ThreadsWarning,
            stacklevel=2,
        )
    return saved


class Keeper:
    """Writes checkpoints when it is time.

    Raises:
        RunFolderError: the folder cannot be written, which is better known before the run than at its first checkpoint.
    """

    def __init__(self, checkpoint: Checkpoint, identity: Json) -> None:
        self._checkpoint, self._identity = checkpoint, identity
        folder = checkpoint.file.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # without a name, so that nothing stays
        except OSError as error:
            raise RunFolderError(f"Cannot write the checkpoint into {folder}: {error.strerror}. Name another folder.") from error
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
            "histories": _spelled(saved.histories),
            "threads": torch.get_num_threads(),
            "nan": with_nan(saved.tensors),
        }
        # views of one memory are stored one by one
        tensors = {
            name: tensor.clone() if tensor.untyped_storage().nbytes() != tensor.nbytes else tensor
            for name, tensor in saved.tensors.items()
        }
        write_tensors(self._checkpoint.file, tensors, kind="checkpoint", metadata=metadata)
        self._last = time.monotonic()


def _spelled(value: object) -> object:
    """NaN and the infinities as words, since JSON has none; `maskscope.training.saved` reads them."""
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
