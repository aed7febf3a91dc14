"""Which cluster does the steps of a run, and what each step gets of it."""

from dataclasses import dataclass, replace
from typing import Literal

import torch

from maskscope.engine.job import Job
from maskscope.engine.runtime import require_device
from maskscope.errors import ConfigError

# how what a node makes gets into the run folder
Files = Literal["auto", "shared", "shipped"]


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that does the steps of a run.

    Args:
        address: of a cluster that is there: ``auto`` for the one that this machine is part of, or ``HOST:PORT`` of its head.
            Empty: one is started on this machine for the time of the run.
        files: ``shared`` if all nodes see the run folder, so that each writes what it makes; ``shipped`` if what they make is
            sent to this process, which writes it; ``auto`` asks the nodes what they see.
        gpus_per_step: GPUs that a step gets with a CUDA device; below 1, steps share one.

    Raises:
        ConfigError: Ray cannot give a step such a share of GPUs, or the address is none.
    """

    address: str = ""
    files: Files = "auto"
    gpus_per_step: float = 1.0

    def __post_init__(self) -> None:
        if self.gpus_per_step <= 0 or (self.gpus_per_step > 1 and self.gpus_per_step % 1):
            raise ConfigError(
                f"gpus_per_step is {self.gpus_per_step:g}; a share of a GPU, as 0.5, or a whole number of them was expected."
            )
        _, colon, port = self.address.rpartition(":")
        if self.address not in ("", "auto") and ("//" in self.address or not (colon and port.isdigit())):
            raise ConfigError(
                f"The address of the cluster is {self.address!r}; auto, or HOST:PORT of the head node was expected, as "
                "10.0.0.1:6379. Run the command on a machine of the cluster: ray status says whether it is one."
            )


def require_device_of(cluster: Cluster | None, job: Job) -> None:
    """Raises `ConfigError` unless the steps of a job can have its device, here or on a cluster.

    A cluster's GPUs need not be on this machine; each task looks for its own.
    """
    if cluster is None or not job.device.startswith("cuda"):
        require_device(job.device)
    elif job.device != "cuda":
        raise ConfigError(f"device is {job.device!r}, but Ray chooses the GPU of each step. Use --device cuda.")


def possible_here(job: Job) -> Job:
    """The job as this process plans it and sums it up: where only the cluster has GPUs, on the processor."""
    return replace(job, device="cpu") if job.device.startswith("cuda") and not torch.cuda.is_available() else job
