"""What a run costs in one process, in two, and under Ray; and what a step costs that does nothing.

    python -m benchmarks.cluster --json cluster.json --table cluster.md

Whole runs are seeds x functions of the preset `smoke`, each in a new folder, with the start of processes and of Ray. The overhead
is that of steps without work that depend on nothing: the seconds of many of them less the seconds of few, so that the start is
not counted. Ways take turns, so that other work on the machine meets all of them alike.
"""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import tyro

from maskscope.engine.address import study_at
from maskscope.engine.artefact import Artefact, Stage
from maskscope.engine.cluster.choice import Cluster
from maskscope.engine.job import Job
from maskscope.engine.quantities import Unit
from maskscope.engine.records.record import Record
from maskscope.engine.run import run_study
from maskscope.engine.runtime import Runtime
from maskscope.engine.step import Step, Write
from maskscope.engine.study import Findings, Needs, Procedure, Study
from maskscope.storage import write_json

WAYS: dict[str, dict[str, Any]] = {
    "one process": {},
    "two processes": {"workers": 2},
    "Ray, shared folder": {"cluster": Cluster()},
    "Ray, shipped": {"cluster": Cluster(files="shipped")},
}


@dataclass(frozen=True)
class Options:
    """Seconds of whole runs, and of steps without work."""

    seeds: int = 2
    """Networks of a whole run; each has masks of two functions and of both."""
    repeats: int = 3
    """How often each is measured."""
    few: int = 10
    """Steps without work, whose seconds are taken off."""
    many: int = 210
    """Steps without work."""
    json: Path = Path("cluster.json")
    """The file of results."""
    table: Path = Path("cluster.md")
    """The same in words."""


@dataclass(frozen=True)
class EmptySpec:
    """How many steps there are."""

    steps: int = 10


@dataclass(frozen=True, kw_only=True)
class EmptyRecord(Record):
    """Adds nothing to a record."""

    @property
    def size(self) -> int:
        """None to speak of."""
        return 1


class Empty(Procedure[EmptySpec]):
    """Steps that write a small file each."""

    record: ClassVar[type[Record]] = EmptyRecord

    @property
    def units(self) -> Mapping[str, Unit]:
        """There are no measures."""
        return {}

    def steps(self, study: str, spec: EmptySpec, seed: int, runtime: Runtime) -> Sequence[Step]:
        """All that are asked for; none is made from another."""
        return [Step((Stage(f"step-{number}", "empty", 1, {"number": number}),), {}, _nothing) for number in range(spec.steps)]

    def findings(self, spec: EmptySpec, made: Mapping[int, Mapping[str, Artefact]], runtime: Runtime) -> Findings:
        """None."""
        return Findings((), {"functions": ()})

    def step_seconds(self, spec: EmptySpec, runtime: Runtime) -> Mapping[str, float]:
        """None that are timed."""
        return {}

    def needs(self, spec: EmptySpec, seeds: int, runtime: Runtime) -> Needs:
        """Next to nothing."""
        return Needs(1, 1)


def _nothing(inputs: Mapping[str, Artefact], checkpoint: Path) -> Sequence[Write]:
    return [lambda folder: write_json(folder / "record.json", {"kind": "empty", "seconds": 0.0})]


STUDY = Study(
    "empty", "steps without work", EmptySpec, Empty(), None, {"empty": {"smoke": ("runs at once", EmptySpec())}}, kind=""
)


def seconds_of(work: Callable[[Path], object]) -> float:
    """Of some work in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        work(Path(folder) / "run")
        return time.monotonic() - began


def whole(way: Mapping[str, Any], seeds: int) -> float:
    """Seconds of a whole run."""
    study = study_at("addition-multiplication")
    return seconds_of(
        lambda run: run_study("smoke", Job(study, study.preset("smoke"), tuple(range(seeds)), str(run), threads=1), **way)
    )


def empty(way: Mapping[str, Any], steps: int) -> float:
    """Seconds of steps without work."""
    study = study_at(f"{Path(__file__).absolute()}:STUDY")
    return seconds_of(lambda run: run_study("smoke", Job(study, study.spec(steps), (0,), str(run), threads=1), **way))


def measured(options: Options) -> dict[str, dict[str, list[float]]]:
    """By way: seconds of whole runs, seconds with a few steps without work, and milliseconds of each further one."""
    found: dict[str, dict[str, list[float]]] = {name: {"whole": [], "few": [], "step": []} for name in WAYS}
    for _ in range(options.repeats):
        for name, way in WAYS.items():
            few, many = empty(way, options.few), empty(way, options.many)
            found[name]["few"].append(few)
            found[name]["step"].append(1000 * (many - few) / (options.many - options.few))
            found[name]["whole"].append(whole(way, options.seeds))
            print(name, {kind: round(values[-1], 2) for kind, values in found[name].items()}, flush=True)
    return found


def table(found: Mapping[str, Mapping[str, Sequence[float]]], options: Options, load: Sequence[float]) -> str:
    """The results as a page."""
    command = f"python -m benchmarks.cluster --seeds {options.seeds} --repeats {options.repeats}"
    return "\n".join(
        [
            "# What a run costs in one process, in two, and under Ray",
            "",
            f"    {command} --json cluster.json --table cluster.md",
            "",
            f"{options.seeds} networks of `addition-multiplication --preset smoke`, with masks of its two functions and of both;",
            f"one thread a step. Median (lowest to highest) of {options.repeats}. {os.cpu_count()} cores ({platform.machine()});",
            f"other work ran beside it: the load was {load[0]:.1f} before and {load[1]:.1f} after. [Numbers](cluster.json).",
            "",
            f"| way | whole run, s | start and {options.few} steps without work, s | each further step without work, ms |",
            "|---|---|---|---|",
            *(f"| {name} | {' | '.join(_spread(values[kind]) for kind in values)} |" for name, values in found.items()),
            "",
            "A whole run includes the start of the processes, each of which imports torch, and of Ray. A step without work",
            "writes one small artefact, synced to the disk. Steps without work depend on nothing, so that two processes make",
            "them at the same time.",
            "",
        ]
    )


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main(options: Options) -> None:
    """Measures, prints and writes."""
    before = os.getloadavg()[0]
    found = measured(options)
    load = (before, os.getloadavg()[0])
    write_json(
        options.json, {"options": {key: str(value) for key, value in asdict(options).items()}, "load": list(load), "ways": found}
    )
    options.table.write_text(table(found, options, load), encoding="utf-8")
    print(options.table.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(tyro.cli(Options))
