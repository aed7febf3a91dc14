"""Runs that are killed by SIGKILL again and again until they end: at random moments, at file operations, in torn writes."""

import time
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.robustness.child import End, Trouble, kill_before_operation, run, tear_write
from benchmarks.robustness.study import STUDIES, Case, Outcome, contents, differences, finished, lost

KINDS = ("at a random moment", "before a file operation", "in a torn write")
# a smoke run that keeps its state at each step does 400 to 1,500 operations on files, of which a third wait for the disk
_OPERATIONS, _SYNCS = 400, 150
# of an undisturbed run's time; with all of it most runs would end before they are killed
_LONGEST = 0.3


def kills(folder: Path, count: int, seed: int, studies: tuple[str, ...], pages: bool) -> list[Outcome]:
    """At least ``count`` kills of runs of some studies in turn, the last run going on to its end."""
    random = Random(seed)
    left = dict.fromkeys(studies, -(-count // len(studies)))
    return [_kills_of(study, folder / study, least, random, pages) for study, least in left.items()]


def _kills_of(study: str, folder: Path, count: int, random: Random, pages: bool) -> Outcome:
    case = Case(STUDIES[study], pages)
    began = time.monotonic()
    end = run(case, folder / "undisturbed")
    seconds = time.monotonic() - began
    if end.status:
        return Outcome(f"kills, {study}", 0, "not run", (f"{study}, undisturbed: {end.fault()}",))
    undisturbed = contents(folder / "undisturbed")
    killed, faults, runs = Counter[str](), list[str](), 0
    while killed.total() < count:
        runs += 1
        more, wrong = killed_until_it_ends(case, folder / str(runs), undisturbed, random, seconds)
        killed += more
        faults += [f"{study}, run {runs} after {more.total()} kills: {fault}" for fault in wrong]
    ways = ", ".join(f"{killed[kind]} {kind}" for kind in KINDS)
    return Outcome(f"kills, {study}", killed.total(), f"runs that ended: {runs}; killed {ways}", tuple(faults))


def killed_until_it_ends(
    case: Case, folder: Path, undisturbed: dict[str, str], random: Random, seconds: float
) -> tuple[Counter[str], list[str]]:
    """One run: how often it was killed in which way, and what was lost or changed."""
    killed, faults = Counter[str](), list[str]()
    while True:
        before = finished(folder)
        kind = random.choice(KINDS)
        end = _disturbed(case, folder, kind, random, seconds)
        faults += lost(before, folder)
        if end.status != -9:
            break
        killed[kind] += 1
    if end.status:
        return killed, [*faults, f"it {end.fault()}" if end.fault() else f"it said: {end.said.splitlines()[-1]}"]
    return killed, faults + differences(folder, undisturbed)


def _disturbed(case: Case, folder: Path, kind: str, random: Random, seconds: float) -> End:
    if kind == KINDS[0]:
        return run(case, folder, kill_after=random.uniform(0, seconds * _LONGEST))
    trouble: Trouble = partial(kill_before_operation, random.randint(1, _OPERATIONS))
    if kind == KINDS[2]:
        trouble = partial(tear_write, random.randint(1, _SYNCS))
    return run(case, folder, trouble)
