"""Fewer steps to a mask of equal quality: presets compared by the full mask, on networks that nothing was chosen on.

    python -m benchmarks.schedules --presets paper fast --seeds 9101 9102 9103 --json schedules.json

Each network is fitted as the preset `quick` does (400-400-200), then each preset's mask settings look for the full mask. Reported
are the accuracy of the worse operation under the mask, its density, the undecided share, steps and seconds. What is in the file
already is not done again.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.turns import about, with_interval
from maskscope.analysis import score
from maskscope.masks import select
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.starts import initial_logits
from maskscope.procedure.work import make_network
from maskscope.storage import read_json, write_json
from maskscope.studies.addition_multiplication.study import STUDY
from maskscope.training import ProgressBar, child_seed, discover, fit

assert isinstance(STUDY.procedure, MaskProcedure), "masks on a trained network are what is compared here"
SUBJECT = STUDY.procedure.subject
QUICK = STUDY.preset("quick")


@dataclass(frozen=True)
class Options:
    """Masks of several presets on the same networks."""

    presets: tuple[str, ...] = ("paper", "fast")
    """Presets of addition-multiplication whose mask settings are compared."""
    seeds: tuple[int, ...] = (9101, 9102, 9103)
    """Networks."""
    json: Path = Path("schedules.json")
    """The file of results; extended if it is there."""


@dataclass(frozen=True)
class Row:
    """One full mask."""

    preset: str
    seed: int
    steps: int
    seconds: float
    unmasked: float
    accuracy: float
    density: float
    undecided: float


def measure(preset: str, seed: int, network: torch.nn.Module) -> Row:
    """Finds the full mask of one network with the settings of one preset."""
    task = SUBJECT.task(QUICK, torch.device("cpu"))
    spec = STUDY.preset(preset).mask
    batches = task.batches(task.whole, spec.part_size, child_seed(seed, "data", "schedules"))
    selection = select(network, exclude=SUBJECT.excluded(QUICK))
    began = time.perf_counter()
    found = discover(
        network,
        task.loss,
        batches,
        selection=selection,
        config=spec.config(),
        seed=child_seed(seed, "schedules"),
        name=task.whole,
        observers=[ProgressBar(f"{preset}, network {seed}", seconds=60)],
        initial=initial_logits(network, task, task.whole, selection, spec, seed),
        judge=False,
    )
    seconds = time.perf_counter() - began
    worst = min(score(network, task, found.mask).accuracy.values())
    bare = min(score(network, task).accuracy.values())
    steps = len(found.history.loss)
    return Row(preset, seed, steps, seconds, bare, worst, found.mask.density, found.logits.undecided())


def fitted(seed: int) -> torch.nn.Module:
    """A network of the preset `quick`."""
    task = SUBJECT.task(QUICK, torch.device("cpu"))
    network = make_network(SUBJECT, QUICK, seed, task)
    batches = task.batches(task.whole, QUICK.fit.batch_size, child_seed(seed, "data", "network"))
    fit(network, task.loss, batches, config=QUICK.fit.config(), seed=child_seed(seed, "fit"))
    return network


def main() -> None:
    """Measures what is missing, prints, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.schedules")
    rows = [Row(**row) for row in read_json(options.json)["rows"]] if options.json.exists() else []
    for seed in options.seeds:
        missing = [preset for preset in options.presets if (preset, seed) not in {(row.preset, row.seed) for row in rows}]
        network = fitted(seed) if missing else None
        for preset in missing:
            assert network is not None
            rows.append(measure(preset, seed, network))
            settings = {name: asdict(STUDY.preset(name).mask) for name in options.presets}
            write_json(options.json, {"rows": [asdict(row) for row in rows], "settings": settings, "about": about()})
    table = Table(
        "", "n", "steps", "seconds", "accuracy, worse operation", "density", "undecided", title="mean [95 % t-interval]"
    )
    for preset in options.presets:
        mine = [row for row in rows if row.preset == preset and row.seed in options.seeds]
        fields = ("steps", "seconds", "accuracy", "density", "undecided")
        cells = [with_interval([float(getattr(row, field)) for row in mine]) for field in fields]
        table.add_row(preset, str(len(mine)), *cells)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
