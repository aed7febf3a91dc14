"""What a run would do and cost, found out without doing it."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import torch

from maskscope.engine.artefact import Artefact
from maskscope.engine.job import Job
from maskscope.engine.planned import Plan, PlannedStage
from maskscope.engine.runtime import Runtime, threads
from maskscope.engine.step import existing_outputs
from maskscope.training import unchanged_random


def make_plan(job: Job) -> Plan:
    """The stages of a job with estimates, for a job whose data have no digest yet. See `plan_of`.

    Raises:
        MaskscopeError: it can be seen before any work that the job cannot be done.
    """
    # what is done has the identity of its data; where nothing is, other data serve for the timing
    return plan_of(job.pinned if Path(job.run).exists() else replace(job, spec=job.study.procedure.for_timing(job.spec)))


def plan_of(job: Job) -> Plan:
    """The stages of a job with estimates. Time is measured on a few steps of the very network; the rest is arithmetic.

    Memory comes first: if the run is expected to take more than there is, nothing is timed, since that alone could end the
    process. What is tried leaves the global generators of random numbers as they were.

    Args:
        job: its settings have the digests of its data, if anything is to count as done.

    Raises:
        MaskscopeError: it can be seen before any work that the job cannot be done.
    """
    procedure, runtime = job.study.procedure, job.runtime()
    with threads(job.threads), unchanged_random(runtime.device):
        needs = procedure.needs(job.spec, len(job.seeds), runtime)
        if needs.fits:
            procedure.require(job.spec, runtime)
        stages = _stages(job, runtime)
        to_do = any(not stage.done for stage in stages)
        each = dict(procedure.step_seconds(job.spec, runtime)) if to_do and needs.fits else {}
        masked = procedure.selected(job.spec, runtime)
    stages = [replace(stage, seconds=_seconds(stage, each)) for stage in stages]
    seconds = sum((stage.seconds for stage in stages if not stage.done), 0.0)
    peak = _peak_bytes(runtime.device) if each else 0
    return Plan(tuple(stages), seconds, needs.memory, needs.disk, each, needs, masked, peak)


def _stages(job: Job, runtime: Runtime) -> list[PlannedStage]:
    """What the steps make, and whether it is there; nothing is timed yet."""
    run, stages = Path(job.run), []
    for seed in job.seeds:
        made: dict[str, Artefact] = {}
        for step in job.study.procedure.steps(job.study.name, job.spec, seed, runtime):
            inputs = step.inputs_from(made)
            made |= existing_outputs(step, run, inputs) if inputs is not None else {}
            effort, of_step = (step.effort.kind, step.effort.steps, step.control), (step.name, step.words, seed)
            key = step.together.key if step.together else ""
            stages += [
                PlannedStage(one.name, one.name in made, 0.0, *effort, one.kind, *of_step, together=key) for one in step.outputs
            ]
    return stages


def _peak_bytes(device: torch.device) -> int:
    """The most that this process has had of the memory of a device; 0 where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if sys.platform == "win32":
        return 0
    import resource  # Windows has none

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10


def _seconds(stage: PlannedStage, each: dict[str, float]) -> float:
    if stage.done or not stage.kind:
        return 0.0
    return stage.steps * each.get(stage.kind, math.nan)
