"""How much memory finding a mask takes, against what the formula says (docs/speed.md), each case in a process of its own.

    python -m benchmarks.memory --json memory.json          a network of 100 million weights among them: some 5 GiB

The peak of the resident set over a few steps, less what the process held with network and data before them.
"""

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.turns import about
from maskscope.masks import select
from maskscope.storage import write_json
from maskscope.training import Compute, MaskConfig, discover, needs
from maskscope.zoo import MLP

SIZES = {"12 M": (42, 2000, 2000, 2000, 2000, 20), "48 M": (42, 4000, 4000, 4000, 4000, 20), "100 M": (42, *(5000,) * 5, 20)}


@dataclass(frozen=True)
class Options:
    """Peak memory above the frozen network."""

    sizes: tuple[str, ...] = tuple(SIZES)
    """Of the network, by its number of weights."""
    json: Path | None = None
    """A file for the numbers."""
    case: str = ""
    """Used by the program itself: one case, whose numbers it prints."""


def one(size: str, executor: str) -> dict[str, float]:
    """Measures in this process."""
    network = MLP(list(SIZES[size]))
    selection = select(network, exclude=["*bias"])
    compute, config = Compute(executor=executor), MaskConfig(steps=3)

    def part(index: int) -> torch.Tensor:
        return torch.randn(32, 42, generator=torch.Generator().manual_seed(index))

    small = MLP([42, 8, 20])
    search = partial(discover, loss=_loss, batches=part, compute=compute, check=False, judge=False, watch=False)
    search(small, config=MaskConfig(steps=1))  # the compiler's and the libraries' own memory
    before = _resident()
    search(network, selection=selection, config=config)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    formula = sum(need.bytes for need in needs(network, selection, compute, torch.device("cpu"), samples=4, masks=1))
    return {"weights": selection.count, "network": before, "above": peak - before, "formula": formula}


def _loss(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    scores: torch.Tensor = network(x)
    return scores.square().mean()


def _resident() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) << 10


def main() -> None:
    """Runs every case, prints, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.memory")
    if options.case:
        print(json.dumps(one(*options.case.split("/"))))
        return
    found = {}
    table = Table("weights", "executor", "above the network, GiB", "formula, GiB", "bytes a weight")
    for size in options.sizes:
        for executor in ("batched", "sequential"):
            command = [sys.executable, "-m", "benchmarks.memory", "--case", f"{size}/{executor}"]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            case = found[f"{size}, {executor}"] = json.loads(printed.splitlines()[-1])
            above, formula = (f"{case[key] / 2**30:.2f}" for key in ("above", "formula"))
            table.add_row(size, executor, above, formula, f"{case['above'] / case['weights']:.1f}")
    Console().print(table)
    if options.json:
        write_json(options.json, {"unit": "bytes", "cases": found, "about": about()})


if __name__ == "__main__":
    main()
