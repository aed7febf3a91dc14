"""From rows to what is committed: summaries with their intervals, and a line for every network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.calibration import coverage
from benchmarks.calibration.null import DESIGNS, Trial
from benchmarks.calibration.page import write_page
from benchmarks.calibration.planted import LEVELS, Planted
from benchmarks.calibration.summary import level_of, summary_of
from maskscope.storage import Json, write_json


def make_record(
    trials: Mapping[str, Sequence[Trial]],
    planted: Mapping[str, Sequence[Planted]],
    settings: Json,
    about: Mapping[str, object],
    record: Path,
    page: Path,
) -> None:
    """Writes the record and the page."""
    designs = {name: summary_of(DESIGNS[name].title, rows) for name, rows in trials.items()}
    levels = {name: [level_of(level, rows) for level in LEVELS] for name, rows in planted.items()}
    seed = settings["seed"]
    population = next(iter(trials.values()))
    covered = {
        "normal numbers": coverage.of_normal(seed),
        "Dice of A and B": coverage.of_population([one.observed for one in population], seed + 1),
        "normalised sharing": coverage.of_population(
            [one.sharing for one in population if not math.isnan(one.sharing)], seed + 2
        ),
        "weights in the mask of A": coverage.of_population([one.kept[0] for one in population], seed + 3),
    }
    missed = coverage.missing(seed)
    body = {
        "about": about,
        "settings": settings,
        "designs": {name: asdict(one) for name, one in designs.items()},
        "planted": {name: [asdict(one) for one in rows] for name, rows in levels.items()},
        "missed at random": missed,
        "coverage": {name: {n: asdict(one) for n, one in rows.items()} for name, rows in covered.items()},
        "tests": {name: [_line(one) for one in rows] for name, rows in trials.items()},
    }
    record.parent.mkdir(parents=True, exist_ok=True)
    page.parent.mkdir(parents=True, exist_ok=True)
    write_json(record, _rounded(body))
    write_page(page, designs, levels, missed, covered)


def _line(row: Trial) -> Json:
    """A test without its single null overlaps."""
    line = asdict(row)
    null = line.pop("null")
    return line | {"null_mean": sum(null) / len(null), "null_highest": max(null)}


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
