"""What the lean state does to the masks found: against the full state, and against what another repeat of the full state does.

    python -m benchmarks.lean_state                     five networks, some minutes each; what is in the file is not done again

On each network (400-400-200, fitted as the preset `quick` does) three masks are sought: with the full state, with the full state
and other noise and data order, and with the lean state and the noise and data order of the first. If the lean state changes what
is found no more than chance does, the Dice of the first and the third is that of the first and the second.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro

from benchmarks.schedules import QUICK, SUBJECT, fitted
from benchmarks.three_masks import three_masks
from benchmarks.turns import about, with_interval
from maskscope.analysis import score
from maskscope.masks import dice
from maskscope.storage import read_json, write_bytes, write_json
from maskscope.studies.addition_multiplication.study import STUDY
from maskscope.training import Compute, Discovery


@dataclass(frozen=True)
class Options:
    """Masks of the lean state against masks of the full state."""

    seeds: tuple[int, ...] = (9301, 9302, 9303, 9304, 9305)
    """Networks."""
    presets: tuple[str, ...] = ("fast",)
    """Presets whose mask settings are used."""
    steps: int = 1_000
    """Mask steps of each."""
    out: Path = Path("lean-state.json")
    """The file of results, which is extended; a table of the same name is written beside it."""


@dataclass(frozen=True)
class Found:
    """One mask."""

    accuracy: float
    density: float
    undecided: float


@dataclass(frozen=True)
class Row:
    """The masks of one network for one preset."""

    preset: str
    seed: int
    unmasked: float
    full: Found
    repeat: Found
    lean: Found
    dice_repeat: float
    dice_lean: float


def measure(network: torch.nn.Module, preset: str, seed: int, steps: int) -> Row:
    """Three masks of one network."""
    task = SUBJECT.task(QUICK, torch.device("cpu"))

    def told(found: Discovery) -> Found:
        worse = min(score(network, task, found.mask).accuracy.values())
        return Found(worse, found.mask.density, found.logits.undecided())

    full, repeat, lean = three_masks(network, STUDY.preset(preset).mask, steps, seed, "lean", Compute(state="lean"))
    closeness = dice(full.mask, repeat.mask), dice(full.mask, lean.mask)
    unmasked = min(score(network, task, None).accuracy.values())
    return Row(preset, seed, unmasked, told(full), told(repeat), told(lean), *closeness)


def table(rows: list[Row], options: Options) -> str:
    """The table as Markdown, a part for each preset."""
    parts = ["# The lean state\n\n    python -m benchmarks.lean_state\n", INTRODUCTION]
    for preset in options.presets:
        mine = [row for row in rows if row.preset == preset]
        if mine:
            parts.append(f"## Settings of `{preset}`, {options.steps:,} steps, n = {len(mine)} networks\n")
            parts.append("\n".join([_HEAD, *_lines(mine)]) + "\n")
    return "\n".join(parts)


INTRODUCTION = """\
Full mask of 400-400-200 on addition and multiplication (fitted as in `quick`), mean [95 % t-interval over networks].
*Repeat* is the full state with other noise and another order of the data; *lean* has the noise and the data of the first.
[Numbers](lean-state.json).
"""
_HEAD = "| | full, 16 bytes | full, repeat | lean, 8 bytes |\n|---|---|---|---|"


def _lines(rows: list[Row]) -> list[str]:
    def line(words: str, *columns: list[float]) -> str:
        return f"| {words} | " + " | ".join(with_interval(column) if column else "" for column in columns) + " |"

    def of(field: str) -> list[list[float]]:
        return [[getattr(getattr(row, kind), field) for row in rows] for kind in ("full", "repeat", "lean")]

    return [
        line("accuracy, worse operation", *of("accuracy")),
        line("density", *of("density")),
        line("undecided", *of("undecided")),
        line("Dice with the first", [], [row.dice_repeat for row in rows], [row.dice_lean for row in rows]),
    ]


def main() -> None:
    """Measures what is missing, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.lean_state")
    known = read_json(options.out)["rows"] if options.out.exists() else []
    rows = [Row(**row | {kind: Found(**row[kind]) for kind in ("full", "repeat", "lean")}) for row in known]
    for seed in options.seeds:
        missing = [preset for preset in options.presets if (preset, seed) not in {(row.preset, row.seed) for row in rows}]
        network = fitted(seed) if missing else None
        for preset in missing:
            assert network is not None
            rows.append(measure(network, preset, seed, options.steps))
            write_json(options.out, {"rows": [asdict(row) for row in rows], "steps": options.steps, "about": about()})
            write_bytes(options.out.with_suffix(".md"), table(rows, options).encode())
            print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
