"""Worker processes: they share the steps of a job. Also what such a process does.

A worker is this module run as a program. Its one argument is its share of the job in JSON, so that nothing is pickled; it
writes plain lines. Each artefact is whole or absent, so that a worker sees what the others have made, and the parent finds
everything done.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from maskscope.engine.artefact import Artefact
from maskscope.engine.folder import locked_by_worker
from maskscope.engine.follow import Follower, ToParent, hear, watching
from maskscope.engine.job import Job, job_from_json
from maskscope.engine.processes import FAILED, INTERRUPTED, follow_parent, run_together
from maskscope.engine.runtime import threads
from maskscope.engine.shortage import shortage_explained
from maskscope.engine.step import Step, existing_outputs, make_step
from maskscope.engine.study import Study
from maskscope.errors import ConfigError, MaskscopeError
from maskscope.storage import canonical_json

# seconds between two looks at whether others have made what a step waits for
_PATIENCE = 0.1


@dataclass(frozen=True)
class Share:
    """The part of a job that one worker does: of the steps of each kind every ``of``-th from ``first`` on."""

    job: Job
    first: int
    of: int


def require_found_by_workers(study: Study[Any], option: str) -> None:
    """Raises `ConfigError` if other processes could not find the study.

    Args:
        study: that they would do a part of.
        option: of the command line, by which they are asked for.
    """
    if not study.address:
        raise ConfigError(
            f"The study {study.name} is in this process only, and workers could not find it. Put it into a file and run that "
            f"(maskscope run FILE.py {option}), or take one worker."
        )


def make_in_workers(job: Job, workers: int, announce: Callable[[str], None], follower: Follower) -> None:
    """Makes all steps in several processes.

    When one fails, or on Ctrl-C, the others are told to save their state and stop.

    Raises:
        MaskscopeError: a worker failed; the message is its own.
        KeyboardInterrupt: the workers have saved their state.
    """
    job = replace(job, threads=job.threads or max(1, (os.cpu_count() or 1) // workers))
    run_together(
        [_command(Share(job, first, workers)) for first in range(workers)], partial(hear, follower=follower, announce=announce)
    )


def do_share(share: Share) -> None:
    """Makes one worker's steps, each as soon as what it is made from is there."""
    job = share.job
    follower, current = ToParent(), [""]
    runtime = job.runtime(watching(lambda name: (), follower, lambda _: current[0]))
    with threads(job.threads):
        steps = {seed: job.study.procedure.steps(job.study.name, job.spec, seed, runtime) for seed in job.seeds}
        made: dict[int, dict[str, Artefact]] = {seed: {} for seed in steps}
        mine = _mine([(seed, step) for seed, some in steps.items() for step in some], share)
        while mine:
            for seed in steps:
                _see_what_is_made(steps[seed], made[seed], runtime.run)
            ready = next((one for one in mine if one[1].inputs_from(made[one[0]]) is not None), None)
            if ready is None:
                time.sleep(_PATIENCE)
                continue
            mine.remove(ready)
            seed, step = ready
            current[0] = step.name
            made[seed] |= make_step(step, runtime.run, made[seed], follower.makes)
            follower.made(step.name)


def _mine(steps: Sequence[tuple[int, Step]], share: Share) -> list[tuple[int, Step]]:
    """Steps of one kind take about the same time, so that they are dealt out kind by kind."""
    dealt, mine = Counter[str](), []
    for seed, step in steps:
        if dealt[step.effort.kind] % share.of == share.first:
            mine.append((seed, step))
        dealt[step.effort.kind] += 1
    return mine


def _see_what_is_made(steps: Sequence[Step], made: dict[str, Artefact], run: Path) -> None:
    """Adds what this process or another has made; whether it is there is asked first, since reading it takes time."""
    for step in steps:
        inputs = step.inputs_from(made)
        missing = [stage for stage in step.outputs if stage.name not in made]
        if inputs is not None and missing and all(stage.folder(run, inputs).exists() for stage in missing):
            made |= existing_outputs(step, run, inputs)


def _command(share: Share) -> list[str]:
    value = {"job": share.job.to_json(), "first": share.first, "of": share.of}
    return [sys.executable, "-m", "maskscope.engine.workers", canonical_json(value)]


def share_from(text: str) -> Share:
    """A worker's share from its JSON.

    Raises:
        ConfigError: the study's file gives other data or networks here than it gave where the run was begun.
    """
    value = json.loads(text)
    return Share(job_from_json(value["job"]), value["first"], value["of"])


def main(text: str) -> int:
    """What a worker process does; returns its exit status."""
    follow_parent()
    try:
        with shortage_explained():
            share = share_from(text)
            with locked_by_worker(Path(share.job.run), share.first):
                do_share(share)
    except MaskscopeError as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
