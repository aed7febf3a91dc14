"""What one run is asked to do, and the threads it does it with."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from maskscope.experiments.image_spec import ImageSpec
from maskscope.experiments.sequence_spec import SequenceSpec
from maskscope.experiments.spec import NetworkSpec, Spec
from maskscope.training import Compute, Observer


@dataclass(frozen=True)
class Place:
    """Where a study happens; no part of any identity.

    Args:
        run: the run folder.
        device: of the network and the masks.
        watch: makes the observers of a long stage from its name.
        announce: is told what happens.
        executor: who runs the samples of a mask step.
        kernels: who draws the gates.
        data_dir: where the files of the data are; None for where they usually are.
    """

    run: Path
    device: torch.device
    watch: Callable[[str], Sequence[Observer]]
    announce: Callable[[str], None]
    executor: str = "auto"
    kernels: str = "auto"
    data_dir: Path | None = None


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
        data_dir: folder with the files of the data; empty for where they usually are (docs/data.md).
    """

    spec: Spec
    seeds: tuple[int, ...]
    run: str
    device: str = "cpu"
    threads: int = 0
    executor: str = "auto"
    kernels: str = "auto"
    data_dir: str = ""

    @property
    def data_folder(self) -> Path | None:
        """`data_dir` as a path; None for where the files usually are."""
        return Path(self.data_dir) if self.data_dir else None

    def place(self, watch: Callable[[str], Sequence[Observer]], announce: Callable[[str], None]) -> Place:
        """Where the studies of this job happen."""
        device = torch.device(self.device)
        return Place(Path(self.run), device, watch, announce, self.executor, self.kernels, self.data_folder)


def compute_of(spec: NetworkSpec, where: Place | Job) -> Compute:
    """How the masks of a study are worked out.

    The samples of images and of sequences do not go well in one call: convolutions would become grouped ones, and the parts of
    sequences have lengths of their own. On a processor they go in threads, unless another executor is asked for.
    """
    apart = isinstance(spec, SequenceSpec | ImageSpec) and torch.device(where.device).type == "cpu"
    return Compute("threads" if apart and where.executor == "auto" else where.executor, where.kernels, spec.mask.compute_dtype)


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
