"""What one run is asked to do, and the threads it does it with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from maskscope.experiments.spec import Spec


@dataclass(frozen=True)
class Job:
    """What one process does: some seeds of an experiment in a run folder.

    Args:
        spec: all settings.
        seeds: of the networks.
        run: the run folder.
        device: torch device, ``cpu`` or ``cuda``.
        threads: torch threads; 0 for torch's own choice.
        executor: who runs the samples of a mask step (``maskscope.masks.EXECUTORS``).
        kernels: who draws the gates (``maskscope.masks.KERNELS``).
    """

    spec: Spec
    seeds: tuple[int, ...]
    run: str
    device: str = "cpu"
    threads: int = 0
    executor: str = "auto"
    kernels: str = "auto"


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
