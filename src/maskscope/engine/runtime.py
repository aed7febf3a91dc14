"""Where and with what the steps of a study are done; no part of any identity."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from maskscope.errors import ConfigError
from maskscope.training import Observer


@dataclass(frozen=True)
class Runtime:
    """Where and with what the steps of a study are done.

    Args:
        run: the run folder.
        device: of the network and the masks.
        watch: makes the observers of a long step from its name.
        announce: is told what happens.
        executor: who runs the samples of a mask step.
        kernels: who draws the gates.
        data_dir: where the files of the data are; None for where they usually are.
    """

    run: Path
    device: torch.device
    watch: Callable[[str], Sequence[Observer]] = lambda name: ()
    announce: Callable[[str], None] = lambda text: None
    executor: str = "auto"
    kernels: str = "auto"
    data_dir: Path | None = None


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Torch's threads for the length of a block; 0 leaves them as they are."""
    before = torch.get_num_threads()
    if number:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def require_device(device: str) -> None:
    """Raises `ConfigError` unless torch has this device."""
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(f"device is {device!r}; cpu, cuda or cuda:N was expected.") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device is {device!r}, but torch sees no CUDA device here. Use --device cpu, or a CUDA build of torch."
        )
    if kind not in ("cpu", "cuda"):
        raise ConfigError(f"device is {device!r}; cpu or cuda was expected.")
