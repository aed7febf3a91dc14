"""Checkpoints: the state of a run in one file, so that a killed run can be resumed and gives the same bits."""

import math
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
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
    """A run is resumed with another number of threads, so its last bits may differ from those of an uninterrupted run."""


@dataclass(frozen=True)
class Checkpoint:
    """Where to save the state of a run, and how often.

    Args:
        path: one file, written whole or not at all; after the run it contains the final state, and may be deleted.
        every_seconds: the least time between two writes; a run that is interrupted by Ctrl-C writes at once.
        keeps_previous: whether the last file but one stays too (`previous`). Searches by several processes need it.

    Raises:
        ConfigError: the path is not valid, or the time is negative.

    Examples:
        >>> import maskscope as ms
        >>> often = ms.Checkpoint("runs/add.safetensors", every_seconds=5.0)
        >>> # ms.discover(network, loss, batches, checkpoint=often), and the same call again goes on
    """

    path: str | Path
    every_seconds: float = 60.0
    keeps_previous: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", user_path(self.path, argument="checkpoint"))
        if not self.every_seconds >= 0:
            raise ConfigError(f"every_seconds is {self.every_seconds}; a number of at least 0 was expected.")

    @property
    def file(self) -> Path:
        """The path, as a `pathlib.Path`."""
        return Path(self.path)

    @property
    def previous(self) -> Path:
        """The last file but one."""
        return self.file.with_name(f"{self.file.name}.before")


def as_checkpoint(given: Checkpoint | str | Path | bool | None, usual: Callable[[], str] | None = None) -> Checkpoint | None:
    """Turns the argument ``checkpoint=`` of a user into a `Checkpoint`, or None.

    Args:
        given: a checkpoint; a path, with the default time between writes; None or False for no checkpoint; True for a file in
            the folder ``maskscope-checkpoints`` of the working folder.
        usual: returns the name of the file for True; None if True is not supported.

    Raises:
        ConfigError: the path is not valid, or ``given`` is True and that is not supported.
    """
    if given is None or given is False:
        return None
    if given is True:
        if usual is None:
            raise ConfigError(
                "checkpoint is True; a path was expected. Only a search for masks has a usual place: what trains weights changes "
                "the network that such a name would be made from."
            )
        return Checkpoint(Path("maskscope-checkpoints") / f"{usual()}.safetensors")
    return given if isinstance(given, Checkpoint) else Checkpoint(given)


def usual_name(name: str, identity: Json) -> str:
    """A file name for a run: its name, without characters that files may not have, and a digest of its identity."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', name)[:40].strip('-') or 'run'}-{digest(identity)[:12]}"


def values_digest(tensors: Mapping[str, Tensor]) -> str:
    """A digest of named tensors: of their names, dtypes, shapes and values."""
    return digest({name: tensor_digest(tensor if is_plain(tensor) else tensor.to_dense()) for name, tensor in tensors.items()})


def require_storable(tensors: Mapping[str, Tensor]) -> None:
    """Checks, before a run starts, that its tensors can be saved in a checkpoint.

    Raises:
        ConfigError: some cannot; the message names them.
    """
    faults = []
    for name, tensor in tensors.items():
        if not is_plain(tensor):
            faults.append(f"{name} is sparse, quantised, not initialised yet, or has no values")
            continue
        try:
            pack_tensors({name: torch.empty(0, dtype=tensor.dtype, device="cpu")}, kind="checkpoint", metadata={})
        except KeyError:  # safetensors raises it for a dtype that it does not know
            faults.append(f"{name} is {tensor.dtype}")
    if faults:
        raise ConfigError(
            "Some tensors of this network cannot be saved in a checkpoint; dense tensors of the usual dtypes can:\n  "
            + "\n  ".join(faults)
            + "\nRun the network once on an example if it has lazy layers; else leave checkpoint= out."
        )


def load(checkpoint: Checkpoint, identity: Json, structure: Structure) -> Saved | None:
    """Reads the saved state and checks that it belongs to the run; None if there is no file yet. Does not change the run.

    The ``weights`` in the identity may differ in one case: the network has the weights that are saved in the file. Then it is the
    same network, already trained up to that step.

    Args:
        checkpoint: where the file is.
        identity: the identity of the run, which must be that in the file.
        structure: the tensors that the file must contain.

    Raises:
        FileFormatError: the file is damaged, or contains something that no run writes.
        ConfigError: the file belongs to a run with other settings.
        RunFolderError: the folder cannot be read.
    """
    path = checkpoint.file
    try:
        if not path.exists():
            return None
    except OSError as error:
        raise RunFolderError(f"Cannot look for the checkpoint {path}: {error.strerror}.") from error
    tensors, told = read_tensors(path, kind="checkpoint")
    metadata: object = told  # the file may contain any JSON
    if not isinstance(metadata, dict) or not isinstance(metadata.get("identity"), dict):
        raise FileFormatError(f"{path} does not say which run it belongs to, so it is not a checkpoint. Delete it to start anew.")
    found, threads = metadata["identity"], metadata.get("threads")
    # the initial logits of a warm start depend on sums, and so on the number of threads; saved logits replace them anyway
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
    """Writes the checkpoints of a run, and knows when the next one is due.

    Raises:
        RunFolderError: the folder cannot be written. This is checked before the run, not only at the first checkpoint.
    """

    def __init__(self, checkpoint: Checkpoint, identity: Json) -> None:
        self._checkpoint, self._identity = checkpoint, identity
        folder = checkpoint.file.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # has no name, so that nothing is left in the folder
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
        # safetensors refuses tensors that share memory: views are copied
        tensors = {
            name: tensor.clone() if tensor.untyped_storage().nbytes() != tensor.nbytes else tensor
            for name, tensor in saved.tensors.items()
        }
        if self._checkpoint.keeps_previous and self._checkpoint.file.exists():
            self._checkpoint.file.replace(self._checkpoint.previous)
        write_tensors(self._checkpoint.file, tensors, kind="checkpoint", metadata=metadata)
        self._last = time.monotonic()


def _spelled(value: object) -> object:
    """Replaces NaN and infinities by words, because JSON does not have them; `maskscope.training.saved` reads the words."""
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
