"""Running a study over several seeds, in one run folder, here or in worker processes."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from maskscope.engine.address import file_digest
from maskscope.engine.artefact import Artefact
from maskscope.engine.claims import judge
from maskscope.engine.cluster.choice import Cluster, possible_here, require_device_of
from maskscope.engine.cluster.make import make_on_cluster
from maskscope.engine.cluster.session import joined
from maskscope.engine.folder import RECORD, locked, require_room
from maskscope.engine.follow import Follower, Names, Watch, watching
from maskscope.engine.job import Job
from maskscope.engine.plan import plan_of
from maskscope.engine.records.file import begin_settings, begun, require_replaceable
from maskscope.engine.records.provenance import provenance
from maskscope.engine.records.record import Record
from maskscope.engine.runtime import threads
from maskscope.engine.spec import to_json
from maskscope.engine.step import Step
from maskscope.engine.together.walk import Walk
from maskscope.engine.workers import make_in_workers, require_found_by_workers
from maskscope.errors import ConfigError
from maskscope.storage import read_json, user_path, write_json
from maskscope.training import Observer, Tracker


def run_study(
    preset: str,
    job: Job,
    *,
    workers: int = 1,
    cluster: Cluster | None = None,
    watch: Callable[[str], Sequence[Observer]] = lambda name: (),
    announce: Callable[[str], None] = lambda text: None,
    planned: bool = False,
    follower: Follower | None = None,
) -> Record:
    """Makes whatever the run folder lacks, and writes its record.

    Args:
        preset: the preset that the settings began from, for the record.
        job: study, settings, seeds, folder, device, threads.
        workers: processes, which share the steps; 1 does everything in this one.
        cluster: does the steps instead; each step has one thread unless the job says otherwise.
        watch: makes the observers of a long step; worker processes write plain lines instead. A `Tracker` is also told what the
            record says.
        announce: is told what happens; without a follower, the name of each output that is made, too.
        planned: whether it is told first what will be done, what that costs, and whether it fits into memory.
        follower: is told what is being made, and how far it is; before, what all of it takes.

    Raises:
        ConfigError: no run folder can have this name, torch has no such device, workers cannot find the study, or the settings
            cannot be run.
        RunFolderError: the folder cannot be written, holds a sweep, or another process uses it.
        MaskscopeError: whatever a step raises.
    """
    job = checked(job, workers, cluster)
    folder = Path(job.run)
    require_room(folder, RECORD)
    job = job.pinned
    with joined(cluster, job, folder, announce) if cluster else nullcontext() as session:
        fits, parts = False, None
        if planned or follower is not None:
            announce("timing a few steps ...")
            plan = plan_of(possible_here(job))
            fits, parts = plan.needs.fits, len(plan.stages)
            if planned:
                announce(plan.text(workers))
            if follower is not None:
                follower.plans(plan.pieces(), session.at_once if session else workers)
        if not fits:  # else the plan has asked already
            job.study.procedure.require(job.spec, possible_here(job).runtime())
        with locked(folder, announce):
            require_replaceable(folder / RECORD, announce)
            for words in changes(folder, job):
                announce(words)
            begin_settings(folder, job, preset, parts)
            if session:
                make_on_cluster(session, [("", job)], announce, follower or Names(announce))
            record, _ = run_here(preset, job, workers, watch, announce, follower)
            write_json(folder / RECORD, to_json(record))
    if isinstance(watch, Tracker):
        watch.conclude(record.experiment, record.numbers)
    return record.in_folder(folder)


def checked(job: Job, workers: int, cluster: Cluster | None) -> Job:
    """The job with a whole path, and with the threads that its steps have on a cluster.

    Raises:
        ConfigError: see `run_study`.
    """
    require_device_of(cluster, job)
    job.study.require_fit(job.spec)
    if cluster or workers > 1:
        require_found_by_workers(job.study, "--engine ray" if cluster else f"--workers {workers}")
    if cluster and workers > 1:
        raise ConfigError("A cluster has processes of its own: with it, workers is 1. Take --threads for the CPUs of each step.")
    folder = user_path(job.run, argument="The run folder")
    return replace(job, run=str(folder), threads=job.threads or 1 if cluster else job.threads)


def run_here(
    preset: str,
    job: Job,
    workers: int,
    watch: Callable[[str], Sequence[Observer]],
    announce: Callable[[str], None],
    follower: Follower | None = None,
) -> tuple[Record, dict[str, tuple[str, float]]]:
    """Everything that a job asks for, in a folder that is locked: its record; kind and seconds of every artefact, by name."""
    if workers > 1:
        make_in_workers(job, workers, announce, follower or Names(announce))
    with threads(job.threads):
        made = make_seeds(job, watch, announce, follower)
        seconds = {one.path.name: _time_of(one) for of_seed in made.values() for one in of_seed.values()}
        return make_record(preset, job, made, seconds), seconds


def make_seeds(
    job: Job, watch: Watch, announce: Callable[[str], None], follower: Follower | None = None
) -> dict[int, dict[str, Artefact]]:
    """All artefacts of each seed, by name; what exists is not made again.

    Where a study has steps that are made together, all seeds are walked at once. Else each has its turn, so that only one of them
    has its data in memory.
    """
    follows, step_of = follower or Names(announce), dict[str, str]()
    runtime = job.runtime(watching(watch, follower, lambda name: step_of.get(name, step_of[""])), announce)

    def begins(steps: Sequence[Step]) -> None:
        step_of.clear()
        # a search within an experiment has a name of its own
        step_of.update({"": steps[0].name} | {stage.name: step.name for step in steps for stage in step.outputs})

    def steps(seed: int) -> Sequence[Step]:
        return job.study.procedure.steps(job.study.name, job.spec, seed, runtime)

    made: dict[int, dict[str, Artefact]] = {}
    for place, seed in enumerate(job.seeds):
        if seed in made:
            continue
        walked = {seed: steps(seed)}
        if any(step.together for step in walked[seed]):
            walked |= {other: steps(other) for other in job.seeds[place + 1 :]}
        made |= Walk(runtime.run, walked, follows, begins).make()
    return made


def make_record(
    preset: str, job: Job, made: Mapping[int, Mapping[str, Artefact]], seconds: Mapping[str, tuple[str, float]]
) -> Record:
    """Puts the results of all seeds together: quantities with their spread, and verdicts."""
    study, spec = job.study, job.spec
    found = study.procedure.findings(spec, made, possible_here(job).runtime())
    return study.procedure.record(
        experiment=study.name,
        study=study.reader or study.address,
        preset=preset,
        spec=to_json(spec),
        seeds=job.seeds,
        quantities=found.quantities,
        verdicts=tuple(judge(claim, found.quantities, study.procedure.lacks(claim, spec)) for claim in study.claims_about(spec)),
        differences=study.differences,
        provenance=provenance(threads=job.threads or torch.get_num_threads(), device=job.device, seconds=by_kind(seconds)),
        data=study.procedure.origin(spec, job.data_folder),
        **found.results,
    )


def by_kind(seconds: Mapping[str, tuple[str, float]]) -> dict[str, float]:
    """Seconds by kind of stage; each artefact counts once."""
    total: dict[str, float] = {}
    for kind, time in seconds.values():
        total[kind] = total.get(kind, 0.0) + time
    return total


def changes(folder: Path, job: Job) -> list[str]:
    """How a job differs from the run that its folder holds, finished or not; a sentence each.

    Raises:
        RunFolderError: the folder holds the run of another study.
    """
    there, found = begun(folder, job.study.name), []
    if not there:
        return []
    before, now = there["spec"], to_json(job.spec)
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if names:
        found.append(
            f"{folder} was begun with other settings ({', '.join(names)}). What does not depend on them is kept, and the record "
            "will be that of the new ones. To keep both, take another --out."
        )
    if there.get("study_file", file_digest(job.study.address)) != file_digest(job.study.address):
        kept = f"but for what depends on {', '.join(names)}" if names else "all of it"
        found.append(
            f"The file of the study {job.study.name} changed since the run in {folder} was begun. What was made is kept, {kept}. "
            "If the change means more than its settings say, take another --out."
        )
    return found


def _time_of(artefact: Artefact) -> tuple[str, float]:
    how = read_json(artefact.path / "record.json")
    return how["kind"], how["seconds"]
