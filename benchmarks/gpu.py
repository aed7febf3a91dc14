"""What the passes over the weights cost on a CUDA device, over a copy of as many bytes, which is as fast as they could be.

    python -m benchmarks.gpu                      about a minute
    python -m benchmarks.gpu --json gpu.json      also writes the numbers, with device and versions

This has never run on a GPU: none was at hand. It checks the bits against the definition before it measures anything.

The passes take turns, and the first run of each turn is not counted. Each run comes after a write of at least twice the
second-level cache: so it finds none of its data there, and the processor is ahead of the device, which keeps the time of a launch
out. Bytes are those that a pass must read and write, each once; the tables (50 to 100 KB) are left out.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.turns import Runner, Timing, about, take_turns
from maskscope.masks.kernels import Address, GateLaw, LogisticSlope, ReferenceKernels, TableSlope
from maskscope.masks.kernels.cuda import CudaKernels
from maskscope.masks.kernels.threshold import grid
from maskscope.storage import write_json

DTYPES = (torch.float32, torch.bfloat16)
COPIED = 1 << 30  # bytes; read once and written once


@dataclass(frozen=True)
class Options:
    """Bandwidth of the passes on a CUDA device, and its share of a copy's."""

    weights: int = 1 << 24
    """How many."""
    rows: int = 4
    """Samples: 1 to 8."""
    repeats: int = 40
    """Runs counted of each pass."""
    blocks: int = 4
    """Turns that they are divided into."""
    json: Path | None = None
    """A file for the numbers."""


@dataclass(frozen=True)
class Pass:
    """A pass over the weights: what runs, and the bytes that it must move."""

    run: Callable[[], object]
    bytes: int

    def speed(self, timing: Timing) -> dict[str, float]:
        """GB/s at the median and the quartiles of the seconds."""
        return {name: self.bytes / seconds / 1e9 for name, seconds in asdict(timing).items() if name != "n"}


def laws() -> dict[str, GateLaw]:
    """The laws that the kernels know; the table's values play no part."""
    sigmoid = torch.sigmoid(grid(torch.device("cpu")))
    return {
        "table": TableSlope(if_open=sigmoid, if_closed=1 - sigmoid),
        "logistic": LogisticSlope(),
        "logistic, tau 1/2": LogisticSlope(0.5),
    }


def passes(options: Options) -> dict[str, Pass]:
    """Everything that is measured."""
    kernels, n, rows, at = CudaKernels(), options.weights, options.rows, Address((1, 2), step=3)
    logits, total = torch.randn(n, device="cuda") * 4, torch.zeros(n, device="cuda")
    gates = torch.empty(n, dtype=torch.uint8, device="cuda")
    source, target = (torch.zeros(COPIED, dtype=torch.uint8, device="cuda") for _ in range(2))
    found = {
        "copy": Pass(partial(target.copy_, source), 2 * COPIED),
        "open_gates": Pass(partial(kernels.open_gates, logits, at, rows, gates), 5 * n),
    }
    for dtype in DTYPES:
        weights, copies = torch.randn(n, device="cuda").to(dtype), torch.randn(rows, n, device="cuda").to(dtype)
        size, name = dtype.itemsize, str(dtype).removeprefix("torch.")
        draw = partial(kernels.draw_masked, logits, weights, at, gates, copies)
        found[f"draw_masked, {name}"] = Pass(draw, n * (4 + size + 1 + rows * size))
        copy = partial(kernels.copy_open, weights, gates, 0, copies)
        found[f"copy_open, {name}"] = Pass(copy, n * (size + 1 + rows * size))
        for kind, law in laws().items():
            add = partial(
                kernels.add_gradient, law, logits, weights, gates, copies, at, first_sample=0, scale=1 / rows, out=total
            )
            reads_gates = int(isinstance(law, TableSlope))
            found[f"add_gradient, {kind}, {name}"] = Pass(add, n * (4 + size + reads_gates + rows * size + 8))
    return found


def runner(run: Callable[[], object], flush: Tensor) -> Runner:
    """Times a pass by events on the device, in seconds; ``flush`` is written over before each run."""

    def runs(count: int) -> list[float]:
        events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(count + 1)]
        for began, ended in events:
            flush.zero_()
            began.record()
            run()
            ended.record()
        torch.cuda.synchronize()
        return [began.elapsed_time(ended) / 1e3 for began, ended in events[1:]]

    return runs


def check() -> None:
    """The gates and copies of a run of weights are the definition's, made on the processor."""
    n, at = 100_000, Address((0xDEADBEEF, 7), step=2**40 + 5, group=3, first=2**32 - 5000)
    logits, weights = torch.randn(n) * 8, torch.randn(n)

    def made(by: CudaKernels | ReferenceKernels, device: str) -> tuple[Tensor, Tensor]:
        gates, out = torch.empty(n, dtype=torch.uint8, device=device), torch.empty(8, n, device=device)
        by.draw_masked(logits.to(device), weights.to(device), at, gates, out)
        return gates.cpu(), out.cpu()

    pairs = zip(made(CudaKernels(), "cuda"), made(ReferenceKernels(), "cpu"), strict=True)
    if not all(torch.equal(mine, expected) for mine, expected in pairs):
        sys.exit("The gates on this device are not the definition's: do not use these kernels here, and report it.")


def show(measured: Mapping[str, Pass], timings: Mapping[str, Timing], title: str) -> dict[str, object]:
    """Prints a row for each pass; returns the numbers."""
    copied = measured["copy"].speed(timings["copy"])["median"]
    table, result = Table("", "ms", "quartiles", "GB/s", "of a copy", title=title), dict[str, object]()
    for kind, timing in timings.items():
        speed = measured[kind].speed(timing)
        share = speed["median"] / copied
        quartiles = f"{timing.lower * 1e3:.4g} to {timing.upper * 1e3:.4g}"
        table.add_row(kind, f"{timing.median * 1e3:.4g}", quartiles, f"{speed['median']:.4g}", f"{share:.0%}")
        result[kind] = {"seconds": asdict(timing), "gigabytes_per_second": speed, "share_of_copy": share}
    Console().print(table)
    return result


def main() -> None:
    """Checks, measures, prints, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.gpu")
    if not torch.cuda.is_available():
        sys.exit("This measures CUDA kernels, and PyTorch finds no CUDA device here.")
    import triton

    check()
    measured = passes(options)
    cache = torch.cuda.get_device_properties("cuda").L2_cache_size
    flush = torch.empty(max(2 * cache, 1 << 28), dtype=torch.uint8, device="cuda")
    timings = take_turns({kind: runner(one.run, flush) for kind, one in measured.items()}, options.repeats, options.blocks)
    title = f"{options.weights:,} weights, {options.rows} rows, {torch.cuda.get_device_name()}"
    numbers = show(measured, timings, title)
    if options.json:
        versions = {"triton": triton.__version__, "cuda": torch.version.cuda}
        given = {"weights": options.weights, "rows": options.rows}
        write_json(options.json, {"about": about("cuda") | versions, "given": given, "passes": numbers})


if __name__ == "__main__":
    main()
