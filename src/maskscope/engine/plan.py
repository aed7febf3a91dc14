"""What a run would do and cost, found out without doing it."""

from dataclasses import dataclass, replace
from pathlib import Path

from maskscope.engine.artefact import Artefact
from maskscope.engine.job import Job
from maskscope.engine.runtime import threads
from maskscope.engine.step import existing_outputs


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
    """The stages of a job with estimates. Time is measured on a few steps of the very network; the rest is arithmetic.

    Raises:
        MaskscopeError: it can be seen before any work that the job cannot be done.
    """
    procedure, run = job.study.procedure, Path(job.run)
    # what is done has the identity of its data; where nothing is, other data serve for the timing
    job = job.pinned if run.exists() else replace(job, spec=procedure.for_timing(job.spec))
    runtime = job.runtime()
    procedure.require(job.spec, runtime)
    with threads(job.threads):
        seconds = procedure.step_seconds(job.spec, runtime)
    stages = []
    for seed in job.seeds:
        made: dict[str, Artefact] = {}
        for step in procedure.steps(job.study.name, job.spec, seed, runtime):
            inputs = step.inputs_from(made)
            made |= existing_outputs(step, run, inputs) if inputs is not None else {}
            takes = step.effort.steps * seconds[step.effort.kind] if step.effort.kind else 0.0
            stages += [PlannedStage(stage.name, stage.name in made, takes) for stage in step.outputs]
    needs = procedure.needs(job.spec, len(job.seeds), runtime)
    return Plan(tuple(stages), sum((stage.seconds for stage in stages if not stage.done), 0.0), needs.memory, needs.disk)
