"""What a mask step costs, over the fastest plain training step of the same network and items a step, in one run.

    python -m benchmarks.step                           everything (some twenty minutes)
    python -m benchmarks.step --networks small          one of them
    python -m benchmarks.step --json step.json          also writes the numbers, with machine and versions
    python -m benchmarks.step --device cuda             on a GPU

What is compared takes turns, block by block, so that a disturbance hits all of it; the first step of each turn is not counted.
Printed are the median and the quartiles of the steps. What else the machine does before and after is recorded, and flagged above
0.3 cores.
The kinds of steps are described in `benchmarks.kinds`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.cases import CASES
from benchmarks.kinds import kinds_of_steps
from benchmarks.turns import Timing, about, busy_cores, take_turns
from maskscope.storage import write_json

Name = Literal[
    "small",
    "medium",
    "big",
    "huge",
    "mnist",
    "cnn",
    "resnet20",
    "resnet110",
    "lstm",
    "transformer",
    "scan-lstm",
    "scan-transformer",
]


@dataclass(frozen=True)
class Options:
    """Cost of a mask step over a plain training step."""

    networks: tuple[Name, ...] = (
        "small",
        "medium",
        "big",
        "mnist",
        "cnn",
        "resnet20",
        "lstm",
        "transformer",
        "scan-lstm",
        "scan-transformer",
    )
    """Which networks (benchmarks/cases.py)."""
    kinds: tuple[str, ...] = ()
    """Only the kinds of steps with one of these words in their names; plain ones always. All, unless given."""
    steps: int = 20
    """Steps counted of each kind."""
    blocks: int = 4
    """Turns that they are divided into."""
    threads: int = 0
    """Torch threads; 0: torch's choice."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Torch device. Numbers are written after each network."""
    json: Path | None = None
    """A file for the numbers."""


def measure(name: str, options: Options) -> dict[str, Timing]:
    """Takes turns over the kinds of steps of one network."""
    kinds = {
        kind: run
        for kind, run in kinds_of_steps(replace(CASES[name], device=options.device)).items()
        if kind.startswith("plain") or not options.kinds or any(word in kind for word in options.kinds)
    }
    return take_turns(kinds, options.steps, options.blocks)


@contextmanager
def load_noted(result: dict[str, object]) -> Iterator[None]:
    """Records what other programs do before and after, and says so if it is much."""
    result["busy_cores_before"] = busy_cores()
    yield
    result["busy_cores_after"] = busy_cores()
    worst = max(float(str(result[key])) for key in ("busy_cores_before", "busy_cores_after"))
    if worst > 0.3:
        sys.stderr.write(f"The machine was busy with other things ({worst:.2f} cores): do not trust these numbers.\n")


def main() -> None:
    """Measures, prints, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.step")
    if options.threads:
        torch.set_num_threads(options.threads)
    console, networks = Console(), {}
    result: dict[str, object] = {}
    with load_noted(result):
        for name in options.networks:
            timings = measure(name, options)
            fastest = min(value.median for kind, value in timings.items() if kind.startswith("plain"))
            table = Table(
                "",
                "ms",
                "quartiles",
                "over plain",
                title=f"{CASES[name].title}, {CASES[name].batch} items, S = {CASES[name].samples}",
            )
            for kind, value in timings.items():
                quartiles = f"{value.lower * 1e3:.3g} to {value.upper * 1e3:.3g}"
                table.add_row(kind, f"{value.median * 1e3:.3g}", quartiles, f"{value.median / fastest:.3g}")
            console.print(table)
            networks[name] = {
                "timings": {kind: asdict(value) for kind, value in timings.items()},
                "over_fastest_plain": {kind: value.median / fastest for kind, value in timings.items()},
            }
            if options.json:
                write_json(options.json, {"about": about(options.device), "networks": networks})
    if options.json:
        write_json(options.json, result | {"about": about(options.device), "networks": networks})


if __name__ == "__main__":
    main()
