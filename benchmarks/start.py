"""What one waits for before the first step: imports, help, and the first mask step with kernels that are on disk.

    OMP_NUM_THREADS=1 python -m benchmarks.start --record start.json

Every line is a process of its own, and the lines take turns. Seconds are of the processor, which counts what the process does and
nothing that others do; the least of n is what it takes on an idle machine.
"""

import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import tyro

from benchmarks.turns import about, busy_cores
from maskscope.storage import write_json

_SEARCH = """
import torch
import maskscope as ms
network, inputs = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2)), torch.ones(64, 8)
config = ms.MaskConfig(steps=1, size=ms.Penalty(1e-4))
asked = {"config": config, "seed": 0, "observers": (), "judge": False}
ms.discover(network, lambda guest, part: guest(part).square().mean(), [inputs], **asked)
"""
_COMMAND = "from maskscope_command import main; main()"
_RUN = ("run", "addition-multiplication", "--preset", "smoke")
LINES: dict[str, Sequence[str]] = {
    "python": ("-c", ""),
    "import torch": ("-c", "import torch"),
    "import maskscope": ("-c", "import maskscope"),
    "import maskscope, and every name that it offers": (
        "-c",
        "import maskscope as ms; [getattr(ms, name) for name in ms.__all__]",
    ),
    "first mask step, kernels on disk": ("-c", _SEARCH),
    "maskscope --help": ("-c", _COMMAND, "--help"),
    "maskscope": ("-c", _COMMAND),
    "maskscope --version": ("-c", _COMMAND, "--version"),
    "maskscope run --help": ("-c", _COMMAND, "run", "--help"),
    "maskscope completion bash": ("-c", _COMMAND, "completion", "bash"),
    "maskscope list": ("-c", _COMMAND, "list"),
    "maskscope run ... --preset smoke --dry-run": ("-c", _COMMAND, *_RUN, "--dry-run"),
}


@dataclass(frozen=True)
class Options:
    """What is measured."""

    n: int = 5
    """Processes of each line."""
    record: Path = Path("start.json")
    """The record."""


@dataclass(frozen=True)
class Seconds:
    """Of the processor, of one line: the least, the median and the most of n processes."""

    least: float
    median: float
    most: float
    n: int


def seconds_of(line: Sequence[str]) -> float:
    """Seconds of the processor that a new Python takes for a line, those of its threads included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *line], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(options: Options) -> None:
    """Measures all lines in turns, and writes the record."""
    busy = busy_cores()
    for line in LINES.values():
        # writes the files of compiled Python, and those of the kernels
        seconds_of(line)
    found: dict[str, list[float]] = {name: [] for name in LINES}
    for _ in range(options.n):
        for name, line in LINES.items():
            found[name].append(seconds_of(line))
    rows = {name: Seconds(min(few), median(few), max(few), len(few)) for name, few in found.items()}
    for name, row in rows.items():
        print(f"{name:<50} {row.least:6.2f} {row.median:6.2f} {row.most:6.2f}")
    seconds = {name: asdict(row) for name, row in rows.items()}
    write_json(options.record, {"about": about(), "busy_cores": busy, "processor_seconds": seconds})


if __name__ == "__main__":
    main(tyro.cli(Options, config=(tyro.conf.FlagCreatePairsOff,)))
