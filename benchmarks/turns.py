"""Timing that can be trusted: what is compared takes turns, block by block, so that a disturbance hits all of it."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from maskscope.analysis import summarise
from maskscope.engine.records.provenance import machine, provenance

# Runs so many steps of a kind and returns the seconds of each; the first step of a run is not to be among them.
Runner = Callable[[int], list[float]]
# seconds: of the day, or of the processor, which counts what all threads of this program do and nothing that others do
Clock = Callable[[], float]


@dataclass(frozen=True)
class Timing:
    """Seconds of a kind of step: median and quartiles of n."""

    median: float
    lower: float
    upper: float
    n: int


def take_turns(kinds: Mapping[str, Runner], steps: int, blocks: int) -> dict[str, Timing]:
    """Times every kind ``steps`` times in ``blocks`` turns, after one that is thrown away."""
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for run in kinds.values():
        run(2)
    for _ in range(blocks):
        for kind, run in kinds.items():
            seconds[kind] += run(-(-steps // blocks))
    return {kind: timing(values) for kind, values in seconds.items()}


def timing(seconds: list[float]) -> Timing:
    """Median and quartiles."""
    lower, median, upper = statistics.quantiles(seconds, n=4, method="inclusive")
    return Timing(median, lower, upper, len(seconds))


def timed(step: Callable[[int], object], steps: int, clock: Clock = time.perf_counter) -> list[float]:
    """Seconds of each step after the first."""
    seconds = []
    for number in range(steps + 1):
        began = clock()
        step(number)
        if number:
            seconds.append(clock() - began)
    return seconds


def timed_together(step: Callable[[int], object], steps: int) -> list[float]:
    """The mean of steps on a CUDA device after the first, in one number: a training loop does not wait after each step."""
    step(0)
    torch.cuda.synchronize()
    began = time.perf_counter()
    for number in range(1, steps + 1):
        step(number)
    torch.cuda.synchronize()
    return [(time.perf_counter() - began) / steps]


def busy_cores(seconds: float = 2.0) -> float:
    """How many cores other programs keep busy; the one-minute load average where the system does not tell."""
    counters = Path("/proc/stat")
    if not counters.exists():
        return os.getloadavg()[0]

    def idle() -> int:
        return sum(int(word) for word in counters.read_text().splitlines()[0].split()[4:6])

    before = idle()
    time.sleep(seconds)
    ticks = os.sysconf("SC_CLK_TCK")
    return max(0.0, (os.cpu_count() or 1) - (idle() - before) / ticks / seconds)


def about(device: str = "cpu") -> dict[str, object]:
    """Versions, code and machine."""
    return asdict(provenance(threads=torch.get_num_threads(), device=device, seconds={})) | {"machine": machine(device)}


def with_interval(values: Sequence[float]) -> str:
    """The mean over networks and its 95 % t-interval, for a table."""
    found = summarise(values)
    return f"{found.mean:.4g}" + (f" [{found.low:.4g}, {found.high:.4g}]" if found.n > 1 else "")
