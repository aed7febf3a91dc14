"""What one run is asked to do, also as JSON for other processes that do a part of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from maskscope.engine.address import study_at
from maskscope.engine.runtime import Runtime
from maskscope.engine.spec import from_json, to_json
from maskscope.engine.study import Study
from maskscope.errors import ConfigError
from maskscope.storage import Json
from maskscope.training import Observer


@dataclass(frozen=True)
class Job:
    """What one process does: some seeds of a study in a run folder.

    Args:
        study: what is run.
        spec: all its settings.
        seeds: of the networks.
        run: the run folder.
        device: torch device, ``cpu`` or ``cuda``.
        threads: torch threads; 0 for torch's own choice.
        executor: who runs the samples of a mask step (``maskscope.masks.EXECUTORS``).
        kernels: who draws the gates (``maskscope.masks.KERNELS``).
        data_dir: folder with the files of the data; empty for where they usually are (docs/data.md).

    Raises:
        ConfigError: the study brings its networks, and there is none for one of the seeds.
    """

    study: Study[Any]
    spec: Any
    seeds: tuple[int, ...]
    run: str
    device: str = "cpu"
    threads: int = 0
    executor: str = "auto"
    kernels: str = "auto"
    data_dir: str = ""

    def __post_init__(self) -> None:
        there = self.study.networks
        if there and not all(0 <= seed < there for seed in self.seeds):
            raise ConfigError(
                f"{self.study.name} brings {there} network{'s' if there > 1 else ''}, a seed for each: {_range(there)}; found "
                f"{' '.join(map(str, self.seeds))}. Ask for fewer --seeds, or give the study more networks."
            )

    @property
    def data_folder(self) -> Path | None:
        """`data_dir` as a path; None for where the files usually are."""
        return Path(self.data_dir) if self.data_dir else None

    def runtime(
        self, watch: Callable[[str], Sequence[Observer]] = lambda name: (), announce: Callable[[str], None] = lambda text: None
    ) -> Runtime:
        """Where and with what its steps are done."""
        device = torch.device(self.device)
        return Runtime(Path(self.run), device, watch, announce, self.executor, self.kernels, self.data_folder)

    @property
    def pinned(self) -> "Job":
        """The job with the digest of its data in its settings; see `Procedure.pinned`."""
        return replace(self, spec=self.study.procedure.pinned(self.spec, self.data_folder))

    def to_json(self) -> Json:
        """The job for another process, which finds the study by its address."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {"study": self.study.address, "spec": to_json(self.spec), "seeds": list(self.seeds)}


def job_from_json(value: Json) -> Job:
    """The job that another process has begun.

    Raises:
        ConfigError: the study's file gives other data or networks here than it gave where the run was begun.
    """
    study = study_at(value["study"])
    job = Job(**value | {"study": study, "spec": from_json(study.spec, value["spec"]), "seeds": tuple(value["seeds"])})
    begun, here = to_json(job.spec), to_json(job.pinned.spec)
    if differing := [name for name in begun if begun[name] != here[name]]:
        raise ConfigError(
            f"The study {study.name} is another one each time its file is run ({', '.join(differing)}): other processes would do "
            "other work than was begun. Seed whatever the file draws at random, as by torch.manual_seed(0) at its head, or run "
            "it in one process."
        )
    return job


def _range(count: int) -> str:
    return "0" if count == 1 else f"0 to {count - 1}"
