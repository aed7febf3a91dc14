"""What a mask step costs, over the fastest plain training step of the same network and items a step, in one run.

    python benchmarks/step.py                      all sizes of the paper's feed-forward network (several minutes)
    python benchmarks/step.py --networks small     one of them
    python benchmarks/step.py --json step.json     also writes the numbers, with machine and versions

What is compared takes turns, block by block, so that a disturbance hits all of it; the first step of each block is not counted.
Printed are the median and the quartiles of the steps. What else the machine does before the run is recorded, and flagged
above 0.3 cores.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import nn

from maskscope.experiments.provenance import machine, provenance
from maskscope.experiments.spec import MaskSpec
from maskscope.masks import ESTIMATORS, select
from maskscope.storage import write_json
from maskscope.tasks import AdditionMultiplication
from maskscope.training import FitConfig, Moment, Observer, discover, fit
from maskscope.zoo import MLP

SIZES = {"small": (400, 400, 200), "medium": (800,) * 4, "big": (2000,) * 4, "huge": (4000,) * 4}
BATCH = 128


@dataclass(frozen=True)
class Options:
    """Cost of a mask step over a plain training step."""

    networks: tuple[Literal["small", "medium", "big", "huge"], ...] = ("small", "medium", "big", "huge")
    """Which sizes: small 400 400 200, medium 800 x 4, big 2000 x 4, huge 4000 x 4."""
    steps: int = 20
    """Steps counted of each kind."""
    blocks: int = 4
    """Turns that they are divided into."""
    threads: int = 0
    """Torch threads; 0: torch's choice."""
    json: Path | None = None
    """A file for the numbers."""


@dataclass(frozen=True)
class Timing:
    """Seconds of a kind of step: median and quartiles of n."""

    median: float
    lower: float
    upper: float
    n: int


class Stopwatch(Observer):
    """The time between the ends of successive steps; the first step of a block only starts the watch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last = 0.0

    def after_step(self, moment: Moment) -> None:
        """Notes the time."""
        now = time.perf_counter()
        if moment.step > 1:
            self.seconds.append(now - self._last)
        self._last = now


def plain(network: nn.Module, task: AdditionMultiplication, steps: int, *, fused: bool) -> list[float]:
    """An ordinary training loop, with nothing around it."""
    optimizer = torch.optim.Adam(network.parameters(), fused=fused, foreach=not fused)
    batches = task.batches("all", BATCH, 0)
    seconds = []
    for step in range(steps + 1):
        began = time.perf_counter()
        optimizer.zero_grad()
        loss = task.loss(network, batches(step))
        torch.autograd.backward(loss)
        optimizer.step()
        if step:
            seconds.append(time.perf_counter() - began)
    return seconds


def kinds_of_steps(name: str, task: AdditionMultiplication) -> dict[str, Callable[[int], list[float]]]:
    """Everything that is compared on one network: each takes a number of steps and returns their seconds."""
    network = MLP([task.sizes[0], *SIZES[name], task.sizes[1]])
    selection = select(network, exclude=["*bias"])

    def fitting(steps: int) -> list[float]:
        watch = Stopwatch()
        fit(network, task.loss, task.batches("all", BATCH, 0), config=FitConfig(steps + 1, 1e-9), seed=0, observers=[watch])
        return watch.seconds

    def masking(estimator: str) -> Callable[[int], list[float]]:
        def run(steps: int) -> list[float]:
            watch = Stopwatch()
            spec = MaskSpec(steps=steps + 1, batch_size=BATCH, estimator=estimator)
            batches = task.batches("all", spec.part_size, 0)
            discover(network, task.loss, batches, selection=selection, config=spec.config(), observers=[watch])
            return watch.seconds

        return run

    return {
        "plain, fused Adam": lambda steps: plain(network, task, steps, fused=True),
        "plain, foreach Adam": lambda steps: plain(network, task, steps, fused=False),
        "maskscope fit": fitting,
        **{f"mask, {estimator}": masking(estimator) for estimator in sorted(ESTIMATORS)},
    }


def busy_cores() -> float:
    """How many cores other programs keep busy, over two seconds; the one-minute load average where the system does not tell."""
    counters = Path("/proc/stat")
    if not counters.exists():
        return os.getloadavg()[0]

    def idle() -> int:
        return sum(int(word) for word in counters.read_text().splitlines()[0].split()[4:6])

    before = idle()
    time.sleep(2)
    ticks = os.sysconf("SC_CLK_TCK")
    return max(0.0, (os.cpu_count() or 1) - (idle() - before) / ticks / 2)


def timing(seconds: list[float]) -> Timing:
    """Median and quartiles."""
    lower, median, upper = statistics.quantiles(seconds, n=4, method="inclusive")
    return Timing(median, lower, upper, len(seconds))


def measure(name: str, task: AdditionMultiplication, options: Options) -> dict[str, Timing]:
    """Takes turns over all kinds of steps."""
    kinds = kinds_of_steps(name, task)
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for run in kinds.values():
        run(1)
    for _ in range(options.blocks):
        for kind, run in kinds.items():
            seconds[kind] += run(-(-options.steps // options.blocks))
    batches = task.batches("all", BATCH // 4, 0)
    began = time.perf_counter()
    for index in range(4000):
        batches(index)
    seconds["feeding, of a mask step"] = [(time.perf_counter() - began) / 1000] * 2
    return {kind: timing(values) for kind, values in seconds.items()}


def main() -> None:
    """Measures, prints, writes."""
    options = tyro.cli(Options, prog="benchmarks/step.py")
    if options.threads:
        torch.set_num_threads(options.threads)
    load = busy_cores()
    task = AdditionMultiplication()
    console, result = Console(), {}
    for name in options.networks:
        timings = measure(name, task, options)
        fastest = min(value.median for kind, value in timings.items() if kind.startswith("plain"))
        table = Table(
            "", "ms", "quartiles", "over plain", title=f"{name}: 42-{'-'.join(map(str, SIZES[name]))}-20, {BATCH} items"
        )
        for kind, value in timings.items():
            quartiles = f"{value.lower * 1e3:.3g} to {value.upper * 1e3:.3g}"
            table.add_row(kind, f"{value.median * 1e3:.3g}", quartiles, f"{value.median / fastest:.3g}")
        console.print(table)
        result[name] = {
            "timings": {kind: asdict(value) for kind, value in timings.items()},
            "over_fastest_plain": {kind: value.median / fastest for kind, value in timings.items()},
            "feeding_share": timings["feeding, of a mask step"].median / timings["mask, rao-blackwell"].median,
        }
    about = asdict(provenance(threads=torch.get_num_threads(), device="cpu", seconds={})) | {"machine": machine()}
    if load > 0.3:
        sys.stderr.write(f"The machine was busy ({load:.2f} cores before the run): do not trust these numbers.\n")
    if options.json:
        write_json(options.json, {"busy_cores_before": load, "about": about, "networks": result})


if __name__ == "__main__":
    main()
