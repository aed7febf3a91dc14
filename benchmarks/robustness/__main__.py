"""What a run survives: kills, damaged mask files, full disks, other surroundings, a cluster that loses its nodes.

The exit status is 1 if anything was lost or changed.

    python -m benchmarks.robustness kills --count 100 --studies addition-multiplication scan
    python -m benchmarks.robustness masks --count 20000
    python -m benchmarks.robustness disk --count 6 --pages
    python -m benchmarks.robustness surroundings
    python -m benchmarks.robustness cluster --count 50

For Linux and its like: SIGKILL, limits and small disks are theirs. reproduction/robustness.md has what came out.
"""

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from benchmarks.robustness.cluster import cluster
from benchmarks.robustness.disk import disk
from benchmarks.robustness.kills import kills
from benchmarks.robustness.masks import masks
from benchmarks.robustness.study import STUDIES, Outcome
from benchmarks.robustness.surroundings import surroundings

Part = Literal["kills", "masks", "disk", "surroundings", "cluster"]
USUAL = {"kills": 40, "masks": 20_000, "disk": 6, "surroundings": 0, "cluster": 50}


@dataclass(frozen=True)
class Options:
    """Kills, mutated masks, full disks and other surroundings."""

    parts: Positional[tuple[Part, ...]] = ("kills", "masks", "disk", "surroundings")
    """What is tried."""
    count: int | None = None
    """Kills, mutated files, sizes of each kind of full disk, or kills on a cluster; else 40, 20,000, 6 and 50."""
    seed: int = 0
    """Of moments, mutations and sizes. Moments also depend on how fast the machine is."""
    studies: tuple[Literal[tuple(STUDIES)], ...] = ("addition-multiplication",)  # type: ignore[valid-type]
    """Smoke runs of these are killed in turn; disks and surroundings take the first."""
    pages: bool = False
    """Runs make figures and pages too, as they usually do; it takes longer than all the rest."""
    keep: Path | None = None
    """A new folder in which all run folders are kept; else they are removed unless there is a fault."""


def outcomes(part: str, options: Options, folder: Path) -> list[Outcome]:
    """One part, at its size."""
    count = USUAL[part] if options.count is None else options.count
    if part == "kills":
        return kills(folder, count, options.seed, options.studies, options.pages)
    if part == "masks":
        return masks(folder, count, options.seed)
    if part == "disk":
        return disk(folder, count, options.seed, options.studies[0], options.pages)
    if part == "cluster":
        return cluster(folder, count, options.seed)
    return surroundings(folder, options.studies[0], options.pages)


def main() -> None:
    """Tries every part, prints, and says by the exit status whether all held."""
    options = tyro.cli(Options, prog="python -m benchmarks.robustness", config=(tyro.conf.FlagCreatePairsOff,))
    folder = options.keep or Path(tempfile.mkdtemp(prefix="robustness-"))
    table, faults = Table("what", "tried", "came out", "faults"), list[str]()
    for part in options.parts:
        began = time.monotonic()
        for found in outcomes(part, options, folder / part):
            table.add_row(found.what, f"{found.tried:,}", found.came_out, str(len(found.faults)))
            faults += found.faults
        print(f"{part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    Console(width=140).print(table)
    for fault in faults:
        print(f"FAULT {fault}")
    if faults:
        print(f"Everything is kept in {folder}")
        raise SystemExit(1)
    if not options.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
