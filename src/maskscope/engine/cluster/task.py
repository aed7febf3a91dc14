"""What a process of a cluster does: one step of a job. It builds the steps itself, since they hold functions, not data."""

import json
import os
import platform
import shutil
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from maskscope.engine.artefact import Artefact
from maskscope.engine.cluster.nodes import Surroundings, differing, surroundings
from maskscope.engine.cluster.parcels import Parcel, appears, packed, unpack
from maskscope.engine.follow import ToParent, watching
from maskscope.engine.job import Job, job_from_json
from maskscope.engine.runtime import require_device, threads
from maskscope.engine.shortage import shortage_explained
from maskscope.engine.step import Step, make_step
from maskscope.errors import ConfigError, MaskscopeError, RunFolderError
from maskscope.storage import Json, canonical_json, remove_leftovers, unfinished_name

# where, in which process, and what a method of `Follower` is told
Report = tuple[int, str, int, str, tuple[Any, ...]]
# jobs whose steps a process keeps: those of a sweep come one after another
_KEPT = 4


@dataclass(frozen=True)
class Order:
    """One step that is to be made.

    Args:
        number: tells its reports from those of others.
        job: in JSON.
        seed: of the network.
        step: its name.
        outputs: of each output, the name of its folder and what its artefact says of itself.
        inputs: of each artefact that it reads, the name of its folder and its digest.
        shared: whether the run folder is shared; else inputs come and outputs go as parcels.
        surroundings: those of the process that runs the study.
    """

    number: int
    job: str
    seed: int
    step: str
    outputs: Mapping[str, tuple[str, Json]]
    inputs: Mapping[str, tuple[str, str]]
    shared: bool
    surroundings: Surroundings


@dataclass(frozen=True)
class Done:
    """A step that was made: on which node, and if no folder is shared, what it made."""

    node: str
    parcels: tuple[Parcel, ...]


@dataclass(frozen=True)
class Failed:
    """A step that failed for its own reason.

    Args:
        message: for the user.
        settings: whether settings are at fault, and not the step.
        trace: where in the code; empty for an error of ours.
    """

    message: str
    settings: bool = False
    trace: str = ""


@dataclass
class _Prepared:
    """The steps of a job and seed in this process, and whom the present one reports to."""

    job: Job
    steps: Mapping[str, Step] = field(default_factory=dict)
    current: str = ""
    tell: Callable[..., None] = lambda *_: None


def do_step(order: Order, send: Callable[[Report], None], *parcels: Parcel) -> Done | Failed:
    """Makes a step.

    Args:
        order: what to make.
        send: passes a report on to the process that runs the study.
        parcels: what it is made from, if no folder is shared.
    """
    try:
        with shortage_explained():
            return _done(order, send, parcels)
    except MaskscopeError as error:
        return Failed(str(error), isinstance(error, ConfigError))
    except Exception as error:
        return Failed(f"{order.step} ended with {type(error).__name__}: {error}", trace=traceback.format_exc())


def _done(order: Order, send: Callable[[Report], None], parcels: tuple[Parcel, ...]) -> Done:
    node = platform.node()
    if words := differing(order.surroundings, surroundings()):
        raise ConfigError(f"The node {node} has other versions than the process that runs the study: {words}.")
    prepared = _prepared(order.job, order.seed, order.shared)
    job, run = prepared.job, Path(prepared.job.run)
    require_device(job.device)
    prepared.current = order.step
    prepared.tell = lambda what, *values: send((order.number, node, os.getpid(), what, values))
    follower = ToParent(prepared.tell)
    made = {name: Artefact(run / "artefacts" / folder, digest) for name, (folder, digest) in order.inputs.items()}
    try:
        if order.shared:
            _require_seen(run, made, node)
        else:
            (run / "artefacts").mkdir(parents=True, exist_ok=True)
            for parcel in parcels:
                unpack(parcel, run)
        step = _step_of(order, prepared, run, made, node)
        with threads(job.threads):
            outputs = make_step(step, run, made, follower.makes)
        return Done(node, () if order.shared else tuple(map(packed, outputs.values())))
    finally:
        prepared.tell = lambda *_: None
        if not order.shared:
            shutil.rmtree(run, ignore_errors=True)


@lru_cache(maxsize=_KEPT)
def _job(text: str, shared: bool) -> Job:
    """The job of a text; without a shared folder, it is done in a folder of this process."""
    value: Any = json.loads(text)
    return job_from_json(value if shared else value | {"run": str(_own_folder())})


@cache
def _own_folder() -> Path:
    near = Path(tempfile.gettempdir()) / "maskscope"
    remove_leftovers(near.parent)
    return unfinished_name(near)


@lru_cache(maxsize=_KEPT)
def _prepared(text: str, seed: int, shared: bool) -> _Prepared:
    prepared = _Prepared(_job(text, shared))
    job, follower = prepared.job, ToParent(lambda *words: prepared.tell(*words))
    runtime = job.runtime(watching(lambda name: (), follower, lambda _: prepared.current))
    steps = job.study.procedure.steps(job.study.name, job.spec, seed, runtime)
    prepared.steps = {step.name: step for step in steps}
    return prepared


def _require_seen(run: Path, made: Mapping[str, Artefact], node: str) -> None:
    """Raises `RunFolderError` unless the shared folder is there, with all that a step is made from."""
    missing = [path for path in (run, *(artefact.path for artefact in made.values())) if not appears(path)]
    if missing:
        raise RunFolderError(
            f"{node} does not see {missing[0]}, so that the run folder is not shared by all nodes. Name one that is with --out, "
            "or take --files shipped."
        )


def _step_of(order: Order, prepared: _Prepared, run: Path, made: Mapping[str, Artefact], node: str) -> Step:
    """The step that was ordered.

    Raises:
        ConfigError: this process would make something else of the same name.
    """
    step = prepared.steps.get(order.step)
    inputs = None if step is None else step.inputs_from(made)
    if step is None or inputs is None or {stage.name for stage in step.outputs} != order.outputs.keys():
        raise ConfigError(f"{prepared.job.study.name} has no such step {order.step} on {node}. {_SAME_CODE}")
    for stage in step.outputs:
        folder, expected = order.outputs[stage.name]
        if stage.folder(run, inputs).name != folder:
            words = "; ".join(_differences(expected, stage.description(inputs))) or "the digests of what it is made from"
            raise ConfigError(f"{stage.name} would be another one on {node} than where the run was begun: {words}. {_SAME_CODE}")
    return step


_SAME_CODE = "All nodes need the same maskscope, the same file of the study, and nothing in it that is drawn at random."


def _differences(expected: Any, found: Any, name: str = "") -> list[str]:
    """Where two JSON values differ, by dotted names."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted({*expected, *found})
        return [words for key in keys for words in _differences(expected.get(key), found.get(key), f"{name}.{key}".lstrip("."))]
    return [] if canonical_json(expected) == canonical_json(found) else [f"{name} is {found} and was {expected}"]
