"""The same images, their pixels in another order for each task: are weights of earlier tasks used again?

Source: Csordás et al. 2021, permuted MNIST.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from maskscope.engine.artefact import Artefact, Stage
from maskscope.engine.claims import Claim, Lack
from maskscope.engine.quantities import Unit
from maskscope.engine.records.record import DataOrigin, Record
from maskscope.engine.runtime import Runtime
from maskscope.engine.spec import from_json, settings_at
from maskscope.engine.step import Effort, Step
from maskscope.engine.study import BASE_BYTES, Findings, Needs, Procedure, Study
from maskscope.storage import Json, read_json
from maskscope.studies.images.networks import images_origin, pinned_images
from maskscope.studies.permuted_images.grow import GrowthWork
from maskscope.studies.permuted_images.numbers import UNITS, growth_quantities
from maskscope.studies.permuted_images.page import PAGE
from maskscope.studies.permuted_images.paper import CLAIMS, DIFFERENCES, PRESETS
from maskscope.studies.permuted_images.result import GrownTask, GrowthRecord, GrowthResult
from maskscope.studies.permuted_images.spec import FIRST_TASK, LATER_TASKS, PermutedImagesSpec

_VERSION = 2  # 2: chains of linear layers
_GROW = "step of a new task"
_STEPS_TIMED = 4
# weights, their gradient and two moments; the same for logits; a masked copy and its gradient; gates
_BYTES = 42


class Growth(Procedure[PermutedImagesSpec]):
    """One network for each start of new logits, grown from task to task and measured after each."""

    record: ClassVar[type[Record]] = GrowthRecord
    not_swept: ClassVar[str] = (
        "a sweep compares masks on trained networks, and here networks grow with their masks, from task to task"
    )

    @property
    def units(self) -> Mapping[str, Unit]:
        """The unit of every measure."""
        return UNITS

    def steps(self, study: str, spec: PermutedImagesSpec, seed: int, runtime: Runtime) -> list[Step]:
        """See `Procedure.steps`: a chain of tasks for each start of new logits; the first task is the same for all of them."""
        work = GrowthWork(spec, seed, runtime)
        steps: dict[str, Step] = {}
        for new_logit in spec.new_logits:
            names: list[str] = []
            for number in range(spec.tasks):
                stage = growth_stage(study, spec, seed, new_logit, number)
                # a task is made from the one before, and with it from all earlier ones
                inputs = {"before": names[-1]} if names else {}
                reads = {str(place): name for place, name in enumerate(names)}
                grow = partial(work.grow, new_logit, number, stage.name)
                words = f"learning task {number + 1} of {spec.tasks}" + (f", new logits from {new_logit:g}" if number else "")
                steps.setdefault(stage.name, Step((stage,), inputs, grow, reads, Effort(_GROW, spec.mask.steps), words=words))
                names.append(stage.name)
        return list(steps.values())

    def findings(self, spec: PermutedImagesSpec, made: Mapping[int, Mapping[str, Artefact]], runtime: Runtime) -> Findings:
        """See `Procedure.findings`."""
        growths = [self._result(spec, seed, start, made[seed]) for start in spec.new_logits for seed in made]
        functions = tuple(task.function for task in growths[0].tasks)
        return Findings(growth_quantities(growths), {"functions": functions, "growths": tuple(growths)})

    def step_seconds(self, spec: PermutedImagesSpec, runtime: Runtime) -> Mapping[str, float]:
        """See `Procedure.step_seconds`; a step is timed on the first task."""
        work = GrowthWork(spec, 0, runtime)
        work.time_steps(1)  # the first step pays for buffers and data
        return {_GROW: work.time_steps(_STEPS_TIMED) / _STEPS_TIMED}

    def needs(self, spec: PermutedImagesSpec, seeds: int, runtime: Runtime) -> Needs:
        """See `Procedure.needs`."""
        weights = GrowthWork(spec, 0, runtime).weights
        masks = seeds * (1 + len(spec.new_logits) * (spec.tasks - 1))
        return Needs(BASE_BYTES + _BYTES * weights, masks * (8 * weights + weights // 8) + 24 * weights)

    def require(self, spec: PermutedImagesSpec, runtime: Runtime) -> None:
        """See `Procedure.require`."""
        pinned_images(spec, runtime.data_dir)

    def pinned(self, spec: PermutedImagesSpec, data_dir: Path | None) -> PermutedImagesSpec:
        """See `Procedure.pinned`."""
        return replace(spec, data_digest=pinned_images(spec, data_dir).digest)

    def origin(self, spec: PermutedImagesSpec, data_dir: Path | None) -> DataOrigin:
        """See `Procedure.origin`."""
        return images_origin(spec, data_dir)

    def lacks(self, claim: Claim, spec: PermutedImagesSpec) -> tuple[Lack, ...]:
        """See `Procedure.lacks`: the starts of new logits that a claim is about and a record lacks."""
        needed = {condition.mask.removeprefix("new logits ") for condition in claim.conditions}
        missing = sorted(needed - {f"{start:g}" for start in spec.new_logits})
        every = " ".join([*(f"{start:g}" for start in spec.new_logits), *missing])
        return (Lack(f"needs new logits from {', '.join(missing)}", f"with --new-logits {every}"),) if missing else ()

    def from_second_format(self, body: Json) -> Json:
        """See `Procedure.from_second_format`."""
        of_others = ("networks", "sought", "evaluated_on")
        return {name: value for name, value in body.items() if name not in of_others}

    def _result(self, spec: PermutedImagesSpec, seed: int, new_logit: float, made: Mapping[str, Artefact]) -> GrowthResult:
        names = [growth_stage("", spec, seed, new_logit, number).name for number in range(spec.tasks)]
        tasks = [from_json(GrownTask, read_json(made[name].path / "result.json")) for name in names]
        return GrowthResult(seed, new_logit, tuple(tasks))


def growth_stage(study: str, spec: PermutedImagesSpec, seed: int, new_logit: float, number: int) -> Stage:
    """Task ``number`` (from 0) of the network whose new logits start there."""
    settings = settings_at(study, spec, LATER_TASKS if number else FIRST_TASK) | {"seed": seed, "task": number}
    if number:
        settings["new_logit"] = new_logit
    start = f"-new-{new_logit:g}" if number else ""
    return Stage(f"seed-{seed}-task-{number + 1:02}{start}", "grown task", _VERSION, settings)


STUDY = Study(
    name="permuted-mnist",
    summary="the same images, their pixels in another order for each task: are weights of earlier tasks used again? (P_reuse)",
    spec=PermutedImagesSpec,
    procedure=Growth(),
    page=PAGE,
    title="Permuted MNIST",
    size=("hidden",),
    presets=PRESETS,
    claims=CLAIMS,
    differences=DIFFERENCES,
)
