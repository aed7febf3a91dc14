"""Time to a mask of equal quality: the paper's settings, and then each estimator with a few steps, on the same networks.

Every network, every reference and every candidate is a cell: a file in the folder of cells. What is there is not done again.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.estimators.cases import Case, accuracy_on
from maskscope.analysis import score
from maskscope.errors import ConfigError
from maskscope.masks import ESTIMATORS, BehaviourKept, TargetDensity, select
from maskscope.procedure.work import make_network
from maskscope.storage import Json, digest, read_json, read_tensors, write_json, write_tensors
from maskscope.tasks import Task
from maskscope.training import MaskConfig, ProgressBar, child_seed, discover, fit

# no record uses networks of these seeds
FIRST_SEED = 9100
# of the score that a path of masks keeps; MaskConfig.recommended asks for .95, which is less than equal quality
KEPT = 0.99
STEPS = (500, 1_000, 2_000)
SIZES = (TargetDensity.name, BehaviourKept.name)
# enough for every search that is timed to find its kernels compiled
_WARM_STEPS = 2


@dataclass(frozen=True)
class Candidate:
    """A search that may be as good as the reference."""

    size: str
    steps: int
    estimator: str

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.size}-{self.steps}-{self.estimator}"

    def config(self, density: float) -> MaskConfig:
        """The settings of a search in a user's own network, but for these; ``density`` is that of the reference."""
        size = TargetDensity(density) if self.size == TargetDensity.name else BehaviourKept(KEPT)
        return MaskConfig.recommended(steps=self.steps, estimator=self.estimator, size=size)


def candidates(sizes: tuple[str, ...] = SIZES, steps: tuple[int, ...] = STEPS) -> list[Candidate]:
    """All candidates; an estimator that keeps a given number of units has no path."""
    return [
        Candidate(size, count, estimator)
        for size in sizes
        for count in steps
        for estimator in ESTIMATORS
        if size == TargetDensity.name or not ESTIMATORS[estimator].exact
    ]


@dataclass(frozen=True)
class Comparison:
    """The cells of one kind of network.

    Args:
        name: of the kind of network.
        case: the kind of network.
        folder: of the cells.
        reference_steps: of the reference; the paper's are 20,000.
        fit_steps: of the networks; None for those of the study.
        device: torch device.
        data_dir: where images are.
    """

    name: str
    case: Case
    folder: Path
    reference_steps: int
    fit_steps: int | None = None
    device: str = "cpu"
    data_dir: Path | None = None

    @cached_property
    def task(self) -> Task:
        """The task of the networks."""
        return self.case.subject.task(self.case.spec, torch.device(self.device), self.data_dir)

    @property
    def reference(self) -> MaskConfig:
        """The paper's settings, with the estimator that has the same mean gradient and less noise."""
        return replace(self.case.paper.config(), steps=self.reference_steps)

    def network(self, seed: int) -> tuple[nn.Module, Json]:
        """The trained network of a seed, and what is known of it."""
        spec = self.case.spec.fit if self.fit_steps is None else replace(self.case.spec.fit, steps=self.fit_steps)
        network = make_network(self.case.subject, self.case.spec, seed, self.task)
        file = self.folder / f"{self.name}-{seed}.safetensors"

        def train() -> Json:
            batches = self.task.batches(self.task.whole, spec.batch_size, child_seed(seed, "data", "network"))
            bar = ProgressBar(f"{self.name}, network {seed}", seconds=60.0)
            went = fit(network, self.task.loss, batches, config=spec.config(), seed=child_seed(seed, "fit"), observers=[bar])
            write_tensors(file, network.state_dict(), kind="weights", metadata={"seed": seed})
            return {"seconds": went.seconds, "accuracy": dict(score(network, self.task).accuracy)}

        made = self._cell(f"{self.name}-{seed}", {"fit": asdict(spec), "device": self.device}, train)
        tensors, _ = read_tensors(file, kind="weights")
        network.load_state_dict(tensors)
        return network, made

    def referred(self, seed: int, function: str) -> Json:
        """The reference of a network and a function."""
        return self._search(f"reference-{self.reference_steps}", self.reference, self.case.paper.batch_size, seed, function)

    def tried(self, candidate: Candidate, seed: int, function: str) -> Json:
        """A candidate, on a network and a function.

        Raises:
            ConfigError: the reference keeps all units, or none.
        """
        density = float(self.referred(seed, function)["density"])
        if not 0 < density < 1:
            raise ConfigError(
                f"After {self.reference_steps:,} steps the reference keeps {density:.0%} of the units, so no mask can be "
                "compared with it. Give more --reference-steps."
            )
        config = candidate.config(density)
        name = f"reference-{self.reference_steps}-{candidate.name}"
        return self._search(name, config, self.case.paper.batch_size, seed, function)

    def has(self, candidate: Candidate, seed: int, function: str) -> bool:
        """Whether a candidate was tried before."""
        return self._file(f"{self.name}-{seed}-{function}-reference-{self.reference_steps}-{candidate.name}").exists()

    def _search(self, name: str, config: MaskConfig, items: int, seed: int, function: str) -> Json:
        settings: Json = {"config": config.as_json(), "items": items, "device": self.device, "fit_steps": self.fit_steps}
        label = f"{self.name}-{seed}-{function}-{name}"
        return self._cell(label, settings, lambda: self._searched(label, config, items, seed, function))

    def _searched(self, label: str, config: MaskConfig, items: int, seed: int, function: str) -> Json:
        network, _ = self.network(seed)
        selection = select(network, exclude=self.case.subject.excluded(self.case.spec))
        judged = self.task.batches(function, items, child_seed(seed, "held out", "estimators"))
        batches = self.task.batches(function, items // config.parts_per_step, child_seed(seed, "data", "estimators"))

        def search(config: MaskConfig, *observers: ProgressBar) -> Any:
            return discover(
                network,
                self.task.loss,
                batches,
                selection=selection,
                config=config,
                seed=child_seed(seed, "estimators"),
                name=function,
                observers=observers,
                judge=False,  # all items are asked below
                watch=False,
                score=right_answers,
                held_out=judged,
            )

        search(replace(config, steps=_WARM_STEPS))
        load, began, cpu_began = os.getloadavg()[0], time.perf_counter(), time.process_time()
        found = search(config, ProgressBar(label, seconds=60.0))
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        return {
            "steps": len(found.history.loss),
            "samples": config.samples,
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "load": [load, os.getloadavg()[0]],
            "accuracy": accuracy_on(score(network, self.task, found.mask), function),
            "kept": int((found.logits.flat > 0).sum()),
            "density": found.mask.density,
        }

    def _cell(self, name: str, settings: Json, make: Callable[[], Json]) -> Json:
        """What is in a cell; it is made if it is not there.

        Raises:
            ConfigError: it was made with other settings.
        """
        file = self._file(name)
        if file.exists():
            cell = read_json(file)
            if digest(cell["settings"]) != digest(settings):
                raise ConfigError(f"{file} was made with other settings than are asked for. Name another folder by --cells.")
            return dict(cell["result"])
        self.folder.mkdir(parents=True, exist_ok=True)
        result = make()
        write_json(file, {"settings": settings, "result": result})
        sys.stderr.write(f"{name}: {result}\n")
        return result

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def right_answers(network: nn.Module, part: Any) -> torch.Tensor:
    """Whether each item is answered rightly: all of its digits, or its class."""
    right: torch.Tensor = network(part.inputs).view(*part.targets.shape, -1).argmax(-1) == part.targets
    return right.flatten(1).all(1) if right.dim() > 1 else right
