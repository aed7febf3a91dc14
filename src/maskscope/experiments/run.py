"""Running an experiment over several seeds, in one run folder, here or in worker processes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from maskscope.errors import ConfigError
from maskscope.experiments.catalogue import Experiment, lacking, require_fit
from maskscope.experiments.claims import judge
from maskscope.experiments.floors import with_floors
from maskscope.experiments.folder import RECORD, locked, require_room
from maskscope.experiments.growth_numbers import growth_quantities
from maskscope.experiments.growth_record import GrowthResult
from maskscope.experiments.growth_study import GrowthStudy
from maskscope.experiments.image_spec import PermutedImagesSpec
from maskscope.experiments.job import Job, threads
from maskscope.experiments.pinned import data_origin, pinned
from maskscope.experiments.provenance import provenance
from maskscope.experiments.quantities import quantities
from maskscope.experiments.record import NetworkResult, Record
from maskscope.experiments.record_file import recorded_settings, require_replaceable
from maskscope.experiments.sequence_measure import evaluation_parts
from maskscope.experiments.sequence_networks import make_sequence_task
from maskscope.experiments.sequence_spec import SequenceSpec
from maskscope.experiments.spec import Spec, to_json
from maskscope.experiments.stages import variants
from maskscope.experiments.study import Study
from maskscope.experiments.workers import make_in_workers
from maskscope.storage import user_path, write_json
from maskscope.tasks import Task
from maskscope.training import Observer


def run_experiment(
    experiment: Experiment,
    preset: str,
    job: Job,
    *,
    workers: int = 1,
    watch: Callable[[str], Sequence[Observer]] = lambda name: (),
    announce: Callable[[str], None] = lambda text: None,
) -> Record:
    """Makes whatever the run folder lacks, and writes its record.

    Args:
        experiment: what is run.
        preset: the preset that the settings began from, for the record.
        job: settings, seeds, folder, device, threads.
        workers: processes, which share networks and then masks; 1 does everything in this one.
        watch: makes the observers of a long stage; worker processes write plain lines instead.
        announce: is told what happens.

    Raises:
        ConfigError: no run folder can have this name, or torch has no such device.
        RunFolderError: the folder cannot be written, holds a sweep, or another process uses it.
        MaskscopeError: whatever a stage raises.
    """
    require_device(job.device)
    require_fit(experiment, job.spec)
    folder = user_path(job.run, argument="The run folder")
    require_room(folder, RECORD)
    job = pinned(replace(job, run=str(folder)))
    with locked(folder, announce):
        require_replaceable(folder / RECORD, announce)
        if workers > 1:
            make_in_workers(job, workers, announce)
        if isinstance(job.spec, PermutedImagesSpec):
            growths, seconds = grow_here(job, watch, announce)
            record = make_growth_record(experiment, preset, job, growths, seconds)
        else:
            results, seconds = run_here(job, watch, announce)
            record = make_record(experiment, preset, job, results, seconds)
        write_json(folder / RECORD, to_json(record))
    return record


def changed_settings(folder: Path, spec: Spec) -> list[str]:
    """Names of the settings in which the record that a folder holds, if any, differs from a spec that may take its place."""
    there, now = recorded_settings(folder), to_json(spec)
    if not there:
        return []
    # the digest is found by the run
    return sorted(name for name in {*there, *now} if name != "data_digest" and there.get(name) != now.get(name))


def run_here(
    job: Job, watch: Callable[[str], Sequence[Observer]], announce: Callable[[str], None]
) -> tuple[list[NetworkResult], dict[tuple[str, str], float]]:
    """All stages of a job in this process: results, and seconds by kind and name of artefact."""
    assert not isinstance(job.spec, PermutedImagesSpec), "networks that grow are made by `grow_here`"
    results, seconds = [], dict[tuple[str, str], float]()
    with threads(job.threads):
        for seed in job.seeds:
            study = Study(job.spec, seed, job.place(watch, announce))
            results += study.results()
            seconds |= study.seconds
    return results, seconds


def grow_here(
    job: Job, watch: Callable[[str], Sequence[Observer]], announce: Callable[[str], None]
) -> tuple[list[GrowthResult], dict[tuple[str, str], float]]:
    """The same for networks that grow from task to task."""
    assert isinstance(job.spec, PermutedImagesSpec)
    results, seconds = [], dict[tuple[str, str], float]()
    with threads(job.threads):
        for seed in job.seeds:
            study = GrowthStudy(job.spec, seed, job.place(watch, announce))
            results += study.results()
            seconds |= study.seconds
    return results, seconds


def by_kind(seconds: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Seconds by kind of stage; each artefact counts once."""
    total: dict[str, float] = {}
    for (kind, _), time in seconds.items():
        total[kind] = total.get(kind, 0.0) + time
    return total


def make_record(
    experiment: Experiment, preset: str, job: Job, results: Sequence[NetworkResult], seconds: Mapping[tuple[str, str], float]
) -> Record:
    """Puts the results of all seeds together: quantities with their spread, and verdicts."""
    assert not isinstance(job.spec, PermutedImagesSpec)
    order = variants(job.spec)
    networks = tuple(sorted(results, key=lambda result: (order.index(result.variant), result.seed)))
    functions = tuple(networks[0].unmasked.accuracy)
    over_networks = quantities(networks, functions)
    found = list(dict.fromkeys(mask.function for mask in networks[0].masks))
    return Record(
        experiment=experiment.name,
        preset=preset,
        spec=to_json(job.spec),
        functions=functions,
        seeds=job.seeds,
        networks=with_floors(networks),
        quantities=over_networks,
        verdicts=tuple(judge(claim, over_networks, lacking(claim, job.spec)) for claim in experiment.claims_about(job.spec)),
        differences=experiment.differences,
        provenance=provenance(threads=job.threads or torch.get_num_threads(), device=job.device, seconds=by_kind(seconds)),
        sought=tuple(name for name in found if name != Task.whole and set(found) - {Task.whole} != set(functions)),
        data=data_origin(job),
        evaluated_on=evaluation_parts(make_sequence_task(job.spec, torch.device("cpu"), job.data_folder))
        if isinstance(job.spec, SequenceSpec)
        else (),
    )


def make_growth_record(
    experiment: Experiment, preset: str, job: Job, growths: Sequence[GrowthResult], seconds: Mapping[tuple[str, str], float]
) -> Record:
    """The same for networks that grow from task to task."""
    assert isinstance(job.spec, PermutedImagesSpec)
    starts = job.spec.new_logits
    over_networks = growth_quantities(growths)
    return Record(
        experiment=experiment.name,
        preset=preset,
        spec=to_json(job.spec),
        functions=tuple(task.function for task in growths[0].tasks),
        seeds=job.seeds,
        networks=(),
        quantities=over_networks,
        verdicts=tuple(judge(claim, over_networks, lacking(claim, job.spec)) for claim in experiment.claims_about(job.spec)),
        differences=experiment.differences,
        provenance=provenance(threads=job.threads or torch.get_num_threads(), device=job.device, seconds=by_kind(seconds)),
        growths=tuple(sorted(growths, key=lambda one: (starts.index(one.new_logit), one.seed))),
        data=data_origin(job),
    )


def require_device(device: str) -> None:
    """Raises `ConfigError` unless torch has this device."""
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(f"device is {device!r}; cpu, cuda or cuda:N was expected.") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device is {device!r}, but torch sees no CUDA device here. Use --device cpu, or a CUDA build of torch."
        )
    if kind not in ("cpu", "cuda"):
        raise ConfigError(f"device is {device!r}; cpu or cuda was expected.")
