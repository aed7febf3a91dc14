"""Worker processes: they share the networks of a job, then its masks. Also what such a process does.

A worker is this module run as a program. Its one argument is its share of the job in JSON, so that nothing is pickled; it
writes plain lines. Each artefact is whole or absent, so the parent simply finds them done.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from maskscope.errors import MaskscopeError
from maskscope.experiments.folder import locked_by_worker
from maskscope.experiments.growth_study import GrowthStudy
from maskscope.experiments.image_spec import PermutedImagesSpec
from maskscope.experiments.job import Job, Place, threads
from maskscope.experiments.processes import FAILED, INTERRUPTED, follow_parent, run_together
from maskscope.experiments.shortage import shortage_explained
from maskscope.experiments.spec import from_json, to_json
from maskscope.experiments.stages import beside, derived, holds_output, variants
from maskscope.experiments.study import Study
from maskscope.storage import canonical_json
from maskscope.training import ProgressBar

What = Literal["networks", "derived", "full masks", "masks"]


@dataclass(frozen=True)
class Share:
    """The part of a job that one worker does: of all its networks, or masks, every ``of``-th group from ``first`` on."""

    job: Job
    what: What
    first: int
    of: int


def make_in_workers(job: Job, workers: int, announce: Callable[[str], None]) -> None:
    """Makes networks and masks in several processes. What remains to be done then, scoring, is little.

    When one fails, or on Ctrl-C, the others are told to save their state and stop.

    Raises:
        MaskscopeError: a worker failed; the message is its own.
        KeyboardInterrupt: the workers have saved their state.
    """
    job = replace(job, threads=job.threads or max(1, (os.cpu_count() or 1) // workers))
    # masks that hold on to a part of the full mask wait for it
    first: tuple[What, ...] = ("networks",)
    if not isinstance(job.spec, PermutedImagesSpec) and holds_output(job.spec):
        first = ("networks", "full masks")
    everything: tuple[What, ...] = (*first, "masks")
    for what in everything:
        if what != "networks":
            # networks made from fitted ones take no time, and two masks of one could be sought by two workers
            do_share(Share(job, "derived", 0, 1))
        run_together([_command(Share(job, what, first, workers)) for first in range(workers)], announce)


def do_share(share: Share) -> None:
    """Makes one worker's share."""
    job = share.job
    place = job.place(lambda name: (ProgressBar(name),), lambda name: None)
    with threads(job.threads):
        if isinstance(job.spec, PermutedImagesSpec):
            _grow_share(share, job.spec, place)
            return
        studies = [Study(job.spec, seed, place) for seed in job.seeds]
        if share.what == "networks":
            # shuffled labels are sought in the trained network: two workers would fit it
            others = [variant for variant in variants(job.spec) if not derived(variant) and variant != "shuffled-labels"]
            kinds = [*others, *beside(job.spec, "trained")]
            networks = [(study, variant) for variant in kinds for study in studies]
            for mine, variant in networks[share.first :: share.of]:
                mine.network(variant)
        elif share.what == "derived":
            for mine, variant in [(study, variant) for study in studies for variant in variants(job.spec)]:
                mine.network(variant)
        else:
            groups = [(study, group) for study in studies for group in study.groups()]
            if share.what == "full masks":
                groups = [(study, group) for study, group in groups if group[0].function == study.task.whole]
            for mine, group in groups[share.first :: share.of]:
                mine.masks(group)


def _grow_share(share: Share, spec: PermutedImagesSpec, place: Place) -> None:
    """Of networks that grow: first the first task, which all starts of new logits share, then the rest of each chain."""
    if share.what == "derived":
        return
    studies = [GrowthStudy(spec, seed, place) for seed in share.job.seeds]
    starts = spec.new_logits[:1] if share.what == "networks" else spec.new_logits
    chains = [(study, start) for study in studies for start in starts]
    for study, start in chains[share.first :: share.of]:
        study.chain(start, 1 if share.what == "networks" else None)


def _command(share: Share) -> list[str]:
    return [sys.executable, "-m", "maskscope.experiments.workers", canonical_json(to_json(share))]


def main(text: str) -> int:
    """What a worker process does; returns its exit status."""
    follow_parent()
    try:
        with shortage_explained():
            share = from_json(Share, json.loads(text))
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
