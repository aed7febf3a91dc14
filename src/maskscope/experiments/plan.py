"""What a run would do and cost, found out without doing it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from maskscope.experiments.artefact import Artefact, Stage, existing
from maskscope.experiments.growth_study import GrowthStudy, growth_stage
from maskscope.experiments.image_spec import PermutedImagesSpec
from maskscope.experiments.job import Job, compute_of, threads
from maskscope.experiments.networks import make_network, make_task, unmasked
from maskscope.experiments.pinned import pinned
from maskscope.experiments.sequence_spec import MathematicsSpec
from maskscope.experiments.spec import NetworkSpec
from maskscope.experiments.stages import (
    MaskPlan,
    analysis_inputs,
    analysis_stage,
    beside,
    derived,
    mask_groups,
    mask_stage,
    network_stage,
    plan_masks,
    variants,
    waits_for_full_mask,
)
from maskscope.masks import select
from maskscope.tasks import Task
from maskscope.training import Compute, Wanted, discover_many, fit, needs

# Bytes for each weight while the network is fitted: weight, gradient, two moments.
_FIT_BYTES = 4 * 4
_BASE_BYTES = 450 * 2**20
_STEPS_TIMED = 4
_ITEMS_TIMED = 2_000
_LONG = 2.0  # seconds


@dataclass(frozen=True)
class PlannedStage:
    """A stage of a run: is it done, and if not, how long may it take?"""

    name: str
    done: bool
    seconds: float


@dataclass(frozen=True)
class Plan:
    """All stages, and what they need.

    Args:
        stages: in order.
        seconds: for what is not done, in one process.
        memory: bytes at the peak, in each process, estimated from the numbers of weights.
        disk: bytes of artefacts and one checkpoint for each process, estimated likewise.
    """

    stages: tuple[PlannedStage, ...]
    seconds: float
    memory: int
    disk: int


def make_plan(job: Job) -> Plan:
    """The stages of a job with estimates. Time is measured on a few steps of the very network; the rest is arithmetic."""
    run = Path(job.run)
    if run.exists():
        job = pinned(job)  # the identity of what is done
    elif isinstance(job.spec, MathematicsSpec) and job.spec.source == "generated":
        # nothing is done, and a step takes as long with few questions
        job = replace(job, spec=replace(job.spec, train_items=min(job.spec.train_items, _ITEMS_TIMED)))
    spec = job.spec
    if isinstance(spec, PermutedImagesSpec):
        return _plan_of_growth(job, spec)
    task = make_task(spec, torch.device(job.device), data_dir=job.data_folder)
    network = make_network(spec, 0, task)
    selection = select(network, exclude=unmasked(spec))
    plans = plan_masks(spec, task.sought, task.whole)
    groups = mask_groups(spec, plans, task.whole, selection.count)
    with threads(job.threads):
        fit_step, mask_step = _step_seconds(spec, task, groups[0], compute_of(spec, job))
    stages = []
    for seed in job.seeds:
        stages += _stages_of(spec, seed, groups, task, run, fit_step, mask_step)
    weights = sum(parameter.numel() for parameter in network.parameters())
    maskable = selection.count
    wanted = needs(
        network,
        selection,
        compute_of(spec, job),
        torch.device(job.device),
        samples=spec.mask.samples_per_step,
        masks=max(map(len, groups)),
    )
    masks = len(plans)
    networks = 2 + len(spec.controls) + len(beside(spec, "trained"))
    disk = len(job.seeds) * (4 * weights * networks + masks * (4 * maskable + maskable // 8)) + 12 * maskable
    memory = _BASE_BYTES + max(_FIT_BYTES * weights, 4 * weights + sum(need.bytes for need in wanted))
    return Plan(tuple(stages), sum((stage.seconds for stage in stages if not stage.done), 0.0), memory, disk)


def _plan_of_growth(job: Job, spec: PermutedImagesSpec) -> Plan:
    """The same for networks that grow; a step is timed on the first task."""
    run, place = Path(job.run), job.place(lambda name: (), lambda text: None)
    with threads(job.threads):
        study = GrowthStudy(spec, 0, place)
        study.time_steps(1)  # the first step pays for buffers and data
        step = study.time_steps(_STEPS_TIMED) / _STEPS_TIMED
    stages: dict[str, PlannedStage] = {}
    for seed in job.seeds:
        for new_logit in spec.new_logits:
            before: Artefact | None = None
            for number in range(spec.tasks):
                stage = growth_stage(spec, seed, new_logit, number)
                made = before = _existing(stage, run, {"before": before} if number else {})
                stages[stage.name] = PlannedStage(stage.name, made is not None, spec.mask.steps * step)
    weights, masks = study.weights, len(stages)
    # weights, their gradient and two moments; the same for logits; a masked copy and its gradient; gates
    memory = _BASE_BYTES + 42 * weights
    planned = tuple(stages.values())
    disk = masks * (8 * weights + weights // 8) + 24 * weights
    return Plan(planned, sum((stage.seconds for stage in planned if not stage.done), 0.0), memory, disk)


def _stages_of(
    spec: NetworkSpec,
    seed: int,
    groups: Sequence[Sequence[MaskPlan]],
    task: Task,
    run: Path,
    fit_step: float,
    mask_step: float,
) -> list[PlannedStage]:
    planned = []
    networks: dict[str, Artefact | None] = {}
    for variant in variants(spec):
        here = [variant, *beside(spec, variant)]
        masks: dict[MaskPlan, Artefact | None] = {}
        for name in here:
            network = network_stage(spec, seed, name)
            made = _existing(network, run, {"network": networks["trained"]} if derived(name) else {})
            networks[name] = made
            if name != "shuffled-labels":
                fitted = not derived(name) and name != "untrained"
                planned.append(PlannedStage(network.name, made is not None, spec.fit.steps * fit_step if fitted else 0.0))
            for plan, company in ((plan, group) for group in groups for plan in group if plan.variant == name):
                stage = mask_stage(spec, seed, plan, company)
                inputs = {"network": made}
                if waits_for_full_mask(spec, plan.function, task.whole):
                    inputs["full mask"] = masks[MaskPlan(task.whole, 0, name)]
                masks[plan] = _existing(stage, run, inputs)
                planned.append(PlannedStage(stage.name, masks[plan] is not None, spec.mask.steps * mask_step))
        stage = analysis_stage(spec, seed, variant)
        done = _existing(stage, run, analysis_inputs(variant, {name: networks[name] for name in here}, masks)) is not None
        # each mask is scored alone, inverted, against top weights, and against the random draws: a forward pass over all inputs
        forward = (3 + spec.random_draws) * len(masks) * task.evaluation_items / spec.fit.batch_size * fit_step / 3
        planned.append(PlannedStage(stage.name, done, forward))
    return planned


def _existing(stage: Stage, run: Path, inputs: Mapping[str, Artefact | None]) -> Artefact | None:
    there = {role: artefact for role, artefact in inputs.items() if artefact is not None}
    return existing(stage, run, there) if len(there) == len(inputs) else None


def _step_seconds(spec: NetworkSpec, task: Task, group: Sequence[MaskPlan], compute: Compute) -> tuple[float, float]:
    """Seconds of a step of the network, and of a step of one mask in its group."""
    network = make_network(spec, 0, task)
    selection = select(network, exclude=unmasked(spec))
    config = spec.mask.config()

    def fitting(steps: int) -> float:
        batches = task.batches(task.whole, spec.fit.batch_size, 0)
        return fit(network, task.loss, batches, config=replace(spec.fit.config(), steps=steps), seed=0).seconds

    def masking(steps: int) -> float:
        few = replace(config, steps=steps, stop_when_settled=False)
        wanted = [Wanted(plan.function, task.batches(plan.function, spec.mask.part_size, 0), 0, plan.repeat) for plan in group]
        found = discover_many(
            network,
            task.loss,
            wanted,
            selection=selection,
            config=few,
            compute=compute,
            check=False,
            judge=False,
            watch=False,
        )
        return found[0].seconds / len(found)

    return _one_step(fitting), _one_step(masking)


def _one_step(seconds: Callable[[int], float]) -> float:
    """Seconds of a step. The first one pays for buffers and data; where it takes long, that is no matter, and it is enough."""
    first = seconds(1)
    return first if first > _LONG else seconds(_STEPS_TIMED) / _STEPS_TIMED
