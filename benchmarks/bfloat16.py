"""What bfloat16 copies do to the masks found: against float32, and against what another repeat in float32 does.

    python -m benchmarks.bfloat16 --seeds 9201 9202 9203 --json bfloat16.json

On each network (400-400-200, fitted as the preset `quick` does) the full mask is sought three times: in float32, in float32 with
other noise and data order, and in bfloat16 with the noise and the data order of the first. If bfloat16 changes what is found no
more than chance does, the Dice of the first and the third is at least that of the first and the second.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.schedules import QUICK, SUBJECT, fitted
from benchmarks.three_masks import three_masks
from benchmarks.turns import about, with_interval
from maskscope.analysis import score
from maskscope.masks import dice
from maskscope.storage import read_json, write_json
from maskscope.studies.addition_multiplication.study import STUDY
from maskscope.training import Compute


@dataclass(frozen=True)
class Options:
    """Masks in bfloat16 against masks in float32."""

    seeds: tuple[int, ...] = (9201, 9202, 9203)
    """Networks."""
    preset: str = "fast"
    """Preset whose mask settings are used."""
    steps: int = 2_000
    """Mask steps; where bfloat16 is imitated they are slow."""
    json: Path = Path("bfloat16.json")
    """The file of results; extended if it is there."""


@dataclass(frozen=True)
class Row:
    """One network."""

    seed: int
    accuracy: float
    accuracy_repeat: float
    accuracy_bfloat16: float
    density: float
    density_repeat: float
    density_bfloat16: float
    dice_repeat: float
    dice_bfloat16: float


def measure(seed: int, options: Options) -> Row:
    """Three masks of one network."""
    task, network, reduced = SUBJECT.task(QUICK, torch.device("cpu")), fitted(seed), Compute(dtype="bfloat16")
    spec = STUDY.preset(options.preset).mask
    first, repeat, low = three_masks(network, spec, options.steps, seed, "bfloat16", reduced)
    closeness = dice(first.mask, repeat.mask), dice(first.mask, low.mask)
    own, again, worst = (min(score(network, task, found.mask).accuracy.values()) for found in (first, repeat, low))
    density, *others = (found.mask.density for found in (first, repeat, low))
    return Row(seed, own, again, worst, density, others[0], others[1], *closeness)


def main() -> None:
    """Measures what is missing, prints, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.bfloat16")
    rows = [Row(**row) for row in read_json(options.json)["rows"]] if options.json.exists() else []
    for seed in options.seeds:
        if seed not in {row.seed for row in rows}:
            rows.append(measure(seed, options))
            settings = {"preset": options.preset, "steps": options.steps}
            write_json(options.json, {"rows": [asdict(row) for row in rows], "settings": settings, "about": about()})
    mine = [row for row in rows if row.seed in options.seeds]
    table = Table("", "float32", "float32, repeat", "bfloat16", title=f"n = {len(mine)} networks; mean [95 % t-interval]")

    def cell(field: str) -> str:
        return with_interval([float(getattr(row, field)) for row in mine])

    table.add_row("accuracy, worse operation", cell("accuracy"), cell("accuracy_repeat"), cell("accuracy_bfloat16"))
    table.add_row("density", cell("density"), cell("density_repeat"), cell("density_bfloat16"))
    table.add_row("Dice with the first", "", cell("dice_repeat"), cell("dice_bfloat16"))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
