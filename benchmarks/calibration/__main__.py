"""Calibration of the statistics, into a record and a page.

    python -m benchmarks.calibration --record reproduction/calibration.json --page reproduction/calibration.md

What was done before is taken from the folder ``--out``: a run that was stopped goes on, a finished one makes record and page
in seconds. Use one thread (``OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1``): the networks are tiny, and where other programs keep the
cores busy, threads that wait for each other take fifty times as long.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
import tyro

from benchmarks.calibration.null import DESIGNS, FIT, FIT_TWO, Settings, Trial, run_tests
from benchmarks.calibration.planted import LEVELS, PENALTY, Planted, PlantedSettings, run_planted
from benchmarks.calibration.record import make_record
from benchmarks.turns import about
from maskscope.masks import Penalty
from maskscope.storage import Json, digest, read_json, write_json
from maskscope.training import child_seed

SEED = 20_000
Row = TypeVar("Row")


@dataclass(frozen=True)
class Options:
    """Everything that is calibrated."""

    out: Path = Path("runs/calibration")
    """Folder of what was done so far; not part of the record."""
    record: Path = Path("calibration.json")
    """The record."""
    page: Path = Path("calibration.md")
    """The page."""
    settings: Settings = field(default_factory=Settings)
    planted: PlantedSettings = field(default_factory=PlantedSettings)
    designs: tuple[str, ...] = tuple(DESIGNS)
    """Which designs of the null test; the first is also the population for coverage."""
    tests: int | None = None
    """Tests of each design, where not as many as the design says."""
    side_by_side: int = 10
    """Tests that run side by side."""
    seed: int = SEED


def chunk(path: Path, identity: Json, row: Callable[..., Row], make: Callable[[], list[Row]]) -> list[Row]:
    """Some rows: read, if they were made before with the same settings, else made and kept."""
    file = path / f"{digest(identity)[:16]}.json"
    if file.exists():
        return [row(**_read(one)) for one in read_json(file)]
    path.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    rows = make()
    write_json(file, [asdict(one) for one in rows])  # type: ignore[call-overload]
    print(f"{identity['what']}: {len(rows)} in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def tests_of(options: Options, name: str) -> list[Trial]:
    """All tests of a design."""
    design = DESIGNS[name]
    wanted = design.tests if options.tests is None else options.tests
    rows: list[Trial] = []
    while len(rows) < wanted:
        count, begin = min(options.side_by_side, wanted - len(rows)), len(rows)
        seed = child_seed(options.seed, name, begin)
        what = f"{name} {begin + 1} to {begin + count} of {wanted}"
        about_design = {key: value for key, value in asdict(design).items() if key not in ("tests", "title")}
        identity: Json = {"what": what, "design": about_design, "count": count, "seed": seed} | _settings(options)

        def make(count: int = count, seed: int = seed) -> list[Trial]:
            return run_tests(design, options.settings, count, seed)

        rows += chunk(options.out, identity, Trial, make)
    return rows


def planted_of(options: Options, settings: PlantedSettings, level: float) -> list[Planted]:
    """All planted networks of a level."""
    seed = child_seed(options.seed, "planted", round(1000 * level))
    identity: Json = {"what": f"planted {level}", "settings": asdict(settings), "level": level, "seed": seed}
    return chunk(options.out, identity, Planted, lambda: run_planted(settings, level, seed))


def main(args: list[str] | None = None) -> None:
    """Makes what is missing, then record and page."""
    options = tyro.cli(Options, args=args, prog="python -m benchmarks.calibration")
    torch.set_num_threads(1)
    began = time.perf_counter()
    tests = {name: tests_of(options, name) for name in options.designs}
    weaker = replace(options.planted, masks=replace(options.planted.masks, size=Penalty(PENALTY.weight / 3)))
    planted = {
        name: [row for level in LEVELS for row in planted_of(options, settings, level)]
        for name, settings in (("chosen", options.planted), ("a third of the penalty", weaker))
    }
    settings: Json = _settings(options) | {"planted": asdict(options.planted), "seed": options.seed}
    make_record(tests, planted, settings, about(), options.record, options.page)
    print(f"{options.record} and {options.page} in {time.perf_counter() - began:.0f} s", file=sys.stderr)


def _settings(options: Options) -> Json:
    return {"settings": asdict(options.settings), "fit": {"of 21": asdict(FIT), "of two": asdict(FIT_TWO)}}


def _read(row: Json) -> dict[str, Any]:
    def value(found: Any) -> Any:
        return tuple(value(one) for one in found) if isinstance(found, list) else math.nan if found is None else found

    return {key: value(found) for key, found in row.items()}


if __name__ == "__main__":
    main()
