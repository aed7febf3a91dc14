"""What each pass over the weights costs, in nanoseconds a weight, beside a plain copy of as many bytes.

    python -m benchmarks.passes                                      three minutes on two idle cores; writes passes.json
    python -m benchmarks.passes --threads 1 --only draw_masked       one pass, for work on it

All passes take turns, so that a disturbance hits all of them. The number of weights of the first size and all that is written for
them fit into a second-level cache of 2 MiB; those of the second do not. The logits are *first*: all are the initial one; *half*:
half of them are at -60, where no gate ever opens, in runs of 64; *settled*: all but one in a hundred are there.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.turns import about, busy_cores, timed, timing
from maskscope.masks import make_estimator, make_kernels
from maskscope.masks.kernels import Address, Kernels, SoftGate
from maskscope.storage import write_json
from maskscope.training import MaskConfig

AT = Address((123456789, 987654321), step=3)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
STATES = ("first", "half", "settled")
TABLE_LAW = make_estimator("rao-blackwell").law()
SOFT_LAW = SoftGate(1 / 50, drawn=False)  # of continuous sparsification, on its way
CALLS_FOR_FIXED_COST = 200


@dataclass(frozen=True)
class Options:
    """Cost of every pass over the weights."""

    sizes: tuple[int, ...] = (100_000, 4_000_000)
    """Numbers of weights."""
    samples: tuple[int, ...] = (1, 2, 4, 8)
    """Numbers of samples."""
    only: tuple[str, ...] = ()
    """Passes; all if there are none."""
    blocks: int = 5
    """Turns."""
    repetitions: int = 4
    """Repetitions of each pass in a turn."""
    threads: int = 2
    """Threads."""
    kernels: str = "auto"
    """Which kernels."""
    json: Path = Path("passes.json")
    """The file of results."""


@dataclass(frozen=True)
class Row:
    """One pass."""

    kind: str
    weights: int
    samples: int
    dtype: str
    logits: str
    bytes_a_weight: int
    run: Callable[[], object]

    @property
    def name(self) -> str:
        """All that tells it from the others."""
        return f"{self.kind}, {self.weights:,}, {self.samples}, {self.dtype}, {self.logits}, {self.bytes_a_weight}"


def logits_of(state: str, n: int) -> Tensor:
    """The logits of a search: its first ones, or late ones."""
    random, logits = torch.Generator().manual_seed(0), torch.full((n,), MaskConfig().initial_logit)
    if state == "half":
        logits[(torch.arange(n) // 64) % 2 == 0] = -60.0
    if state == "settled":
        logits = torch.where(torch.rand(n, generator=random) < 0.01, torch.randn(n, generator=random) * 3, -60.0)
    return logits


def rows_of(kernels: Kernels, n: int, options: Options) -> Iterator[Row]:
    """All passes over so many weights."""
    for dtype, state in product(DTYPES, STATES):
        size, logits, most = DTYPES[dtype].itemsize, logits_of(state, n), max(options.samples)
        weights = torch.randn(n, generator=torch.Generator().manual_seed(1)).to(DTYPES[dtype])
        gates, rows, into = torch.empty(n, dtype=torch.uint8), torch.zeros(most, n, dtype=DTYPES[dtype]), torch.zeros(n)
        kernels.open_gates(logits, AT, most, gates)
        for samples in options.samples:
            out, moved = rows[:samples], size * (samples + 1)
            given = (logits, weights, gates, out, AT)
            add = partial(kernels.add_gradient, first_sample=0, scale=0.25, out=into)
            runs: dict[str, tuple[int, Callable[[], object]]] = {
                "open_gates": (5, partial(kernels.open_gates, logits, AT, samples, gates)),
                "draw_masked": (moved + 5, partial(kernels.draw_masked, logits, weights, AT, gates, out)),
                "copy_open": (moved + 1, partial(kernels.copy_open, weights, gates, 0, out)),
                "copy_soft": (moved + 4, partial(kernels.copy_soft, SOFT_LAW, logits, weights, AT, 0, out)),
                "add_gradient, table": (moved + 13, partial(add, TABLE_LAW, *given)),
                "add_gradient, soft": (moved + 12, partial(add, SOFT_LAW, *given)),
            }
            for kind, (bytes_moved, run) in runs.items():
                same = (kind == "open_gates" and dtype != "float32") or (kind == "copy_open" and state != STATES[0])
                if not same and (not options.only or kind in options.only):
                    yield Row(kind, n, samples, dtype, state, bytes_moved, run)


def plain_copies(rows: list[Row]) -> Iterator[Row]:
    """A plain copy for each number of bytes that a pass reads and writes."""
    for weights, moved in sorted({(row.weights, row.bytes_a_weight) for row in rows}):
        source = torch.ones(weights * moved // 2, dtype=torch.uint8)
        yield Row("copy", weights, 0, "", "", moved, partial(torch.zeros_like(source).copy_, source))


def measure(rows: list[Row], options: Options) -> dict[str, dict[str, float]]:
    """Minimum, quartiles and median of each, in nanoseconds a weight."""
    seconds: dict[str, list[float]] = {row.name: [] for row in rows}
    for _ in range(options.blocks):
        for row in rows:
            seconds[row.name] += again(row.run, options.repetitions)
    found = {}
    for row in rows:
        mine = [value * 1e9 / row.weights for value in seconds[row.name]]
        whole = timing(mine)
        found[row.name] = {"least": min(mine), "lower": whole.lower, "median": whole.median, "upper": whole.upper, "n": whole.n}
    return found


def again(run: Callable[[], object], times: int) -> list[float]:
    """Seconds of each of several repetitions, after one that is thrown away."""
    return timed(lambda _number: run(), times)


def fixed_costs(kernels: Kernels) -> dict[str, float]:
    """Microseconds of a call of each pass for 16 weights and four samples: what a call costs before it does anything."""
    rows = [row for row in rows_of(kernels, 16, Options(samples=(4,))) if row.logits == STATES[0]]
    return {f"{row.kind}, {row.dtype}": min(again(row.run, CALLS_FOR_FIXED_COST)) * 1e6 for row in rows}


def main() -> None:
    """Measures, prints, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.passes")
    torch.set_num_threads(options.threads)
    kernels, busy, results = make_kernels(torch.device("cpu"), options.kernels), busy_cores(), []
    table = Table(
        "pass", "weights", "samples", "dtype", "logits", "least", "lower", "median", "upper", "copy", title="ns a weight"
    )
    for size in options.sizes:
        rows = list(rows_of(kernels, size, options))
        copies = list(plain_copies(rows))
        found = measure(rows + copies, options)
        of_copy = {row.bytes_a_weight: found[row.name] for row in copies}
        for row in rows:
            of_row, copy = found[row.name], of_copy[row.bytes_a_weight]
            own = {field: value for field, value in vars(row).items() if field != "run"}
            results.append(own | {"ns": of_row, "copy_ns": copy})
            numbers = [f"{of_row[which]:.3g}" for which in ("least", "lower", "median", "upper")]
            table.add_row(row.kind, f"{size:,}", str(row.samples), row.dtype, row.logits, *numbers, f"{copy['median']:.3g}")
    fixed = fixed_costs(kernels)
    Console(width=130).print(table)
    print("microseconds of a call for 16 weights:", {name: round(value, 1) for name, value in fixed.items()})
    settings = {name: value for name, value in asdict(options).items() if name != "json"}
    busy_both = {"busy_cores_before": busy, "busy_cores_after": busy_cores()}
    write_json(options.json, {"settings": settings, "rows": results, "call_us": fixed, "about": about(), **busy_both})


if __name__ == "__main__":
    main()
