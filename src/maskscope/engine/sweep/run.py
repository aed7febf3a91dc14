"""Running a sweep: every value in one folder, its artefacts shared, a record of its own beneath."""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from maskscope.engine.cluster.choice import Cluster, possible_here
from maskscope.engine.cluster.make import make_on_cluster
from maskscope.engine.cluster.session import joined
from maskscope.engine.folder import RECORD, SWEEP_RECORD, locked, require_room
from maskscope.engine.follow import Follower, Names
from maskscope.engine.job import Job
from maskscope.engine.plan import plan_of
from maskscope.engine.records.file import require_replaceable
from maskscope.engine.records.provenance import provenance
from maskscope.engine.records.record import Record
from maskscope.engine.run import by_kind, checked, run_here
from maskscope.engine.spec import to_json
from maskscope.engine.study import Sweep
from maskscope.engine.sweep.points import PlannedPoint, plan_points
from maskscope.engine.sweep.record import SweepPoint, SweepRecord
from maskscope.engine.sweep.setting import Setting, setting_named
from maskscope.errors import FileFormatError, RunFolderError
from maskscope.storage import read_json, remove_leftovers, write_json
from maskscope.training import Observer

# where the records of the values are, in the folder of a sweep
POINTS = "points"
# characters of the name of a point's folder
_LONGEST = 80


def run_sweep(
    sweep: Sweep,
    preset: str,
    job: Job,
    values: Sequence[str],
    *,
    workers: int = 1,
    cluster: Cluster | None = None,
    watch: Callable[[str], Sequence[Observer]] = lambda name: (),
    announce: Callable[[str], None] = lambda text: None,
    follower: Follower | None = None,
) -> SweepRecord:
    """Makes whatever the run folder lacks at every value, and writes a record for each, and the record of the sweep.

    Args:
        sweep: what is varied.
        preset: the preset that the settings began from, for the record.
        job: settings, seeds, folder, device, threads.
        values: of the setting, as a user writes them.
        workers: processes, which share the networks and then the masks of each value.
        cluster: makes the steps of all values instead, at the same time; each step has one thread unless the job says otherwise.
        watch: makes the observers of a long stage; worker processes write plain lines instead.
        announce: is told what happens; without a follower, the name of each output that is made, too.
        follower: is told what is being made, and how far it is; before, what all of it takes.

    Raises:
        RunFolderError: the folder cannot be written, holds a run, or another process uses it.
        MaskscopeError: whatever a stage raises.
    """
    job = checked(job, workers, cluster)
    folder = Path(job.run)
    planned = plan_points(sweep, job, values)
    chosen = sweep.chosen.get(preset, "")
    if not sweep.presets:
        chosen = next((one.label for one in planned if one.job.spec == job.spec), "")
    require_room(folder, SWEEP_RECORD)
    _require_room_for_points(folder)
    planned = [replace(one, job=one.job.pinned) for one in planned]
    _require_tasks(sweep, planned)
    with joined(cluster, job, folder, announce) if cluster else nullcontext() as session:
        if follower is not None:
            announce("timing a few steps ...")
            pieces = [piece for one in planned for piece in plan_of(possible_here(one.job)).pieces(_at(sweep, one))]
            follower.plans(pieces, session.at_once if session else workers)
        with locked(folder, announce):
            for inner in (folder / POINTS).iterdir() if (folder / POINTS).exists() else ():
                remove_leftovers(inner)
            require_replaceable(folder / SWEEP_RECORD, announce)
            _say_what_is_replaced(folder, job, sweep, announce)
            if session:
                jobs = [(_at(sweep, one), one.job) for one in planned]
                make_on_cluster(session, jobs, announce, follower or Names(announce))
            records, seconds = list[Record](), dict[str, tuple[str, float]]()
            for number, one in enumerate(planned, 1):
                if follower is None:
                    announce(f"{_at(sweep, one)} ({number} of {len(planned)})")
                else:
                    follower.enters(_at(sweep, one))
                of_point, spent = run_here(preset, one.job, workers, watch, announce, follower)
                seconds |= spent
                records.append(of_point)
                write_json(point_folder(folder, sweep, one.label) / RECORD, to_json(of_point))
            used: dict[str, Any] = {"threads": job.threads or torch.get_num_threads(), "device": job.device}
            record = SweepRecord(
                sweep=sweep.name,
                experiment=job.study.name,
                preset=preset,
                axis=sweep.axis,
                chosen=chosen,
                functions=tuple(dict.fromkeys(name for found in records for name in found.functions)),
                points=_points(setting_named(job.study, sweep.over), planned, records),
                provenance=provenance(**used, seconds=by_kind(seconds)),
            )
            write_json(folder / SWEEP_RECORD, to_json(record))
    return record


def _at(sweep: Sweep, one: PlannedPoint) -> str:
    return f"{sweep.axis} {one.label}"


def point_folder(folder: Path, sweep: Sweep, label: str) -> Path:
    """Where the record of one value is, in the folder of a sweep."""
    name = re.sub(r"[^\w.,+=-]", "_", f"{sweep.over}={label}")
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
    return folder / POINTS / name


def _require_room_for_points(folder: Path) -> None:
    path = folder / POINTS
    if os.path.lexists(path) and not (path.is_dir() and os.access(path, os.R_OK | os.W_OK | os.X_OK)):
        raise RunFolderError(
            f"{folder} cannot hold a sweep: {POINTS} is no folder that may be written. Move it away, or name another folder with "
            "--out."
        )


def _require_tasks(sweep: Sweep, planned: Sequence[PlannedPoint]) -> None:
    """Makes the task of each value, so that one that cannot be made is found out now, and not after hours of other values.

    How a network is trained and masked changes no task: of such a sweep, the first stands for all.
    """
    for one in planned[:1] if sweep.over.startswith(("fit.", "mask.")) else planned:
        one.job.study.procedure.require(one.job.spec, possible_here(one.job).runtime())


def _say_what_is_replaced(folder: Path, job: Job, sweep: Sweep, announce: Callable[[str], None]) -> None:
    try:
        there = read_json(folder / SWEEP_RECORD)
    except FileFormatError:
        return
    before = (there.get("experiment"), there.get("axis")) if isinstance(there, dict) else ()
    if before != (job.study.name, sweep.axis):
        announce(
            f"{folder} holds another sweep ({' over '.join(map(str, before))}), whose record the new one will take the place of. "
            "To keep both, take another --out."
        )


def _points(setting: Setting, planned: Sequence[PlannedPoint], records: Sequence[Record]) -> tuple[SweepPoint, ...]:
    """Numbers at their values, lists of numbers at the sizes that they give a network if these differ, all else in its order."""
    sizes = [record.size for record in records]
    by_size = setting.has_lists_of_numbers and len(set(sizes)) == len(sizes)
    points = []
    for place, (one, record) in enumerate(zip(planned, records, strict=True)):
        number = one.value if setting.has_numbers else sizes[place] if by_size else place
        found = (record.spec, record.quantities, record.seeds, record.data, record.own_functions)
        points.append(SweepPoint(one.label, float(number), *found))
    return tuple(sorted(points, key=lambda point: point.value) if by_size else points)
