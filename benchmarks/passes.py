"""What each pass over the weights costs, in nanoseconds a weight, beside a plain copy of as many bytes.

    python -m benchmarks.passes                                      three minutes on two idle cores; writes passes.json
    python -m benchmarks.passes --threads 1 --only draw_masked       one pass, for work on it

All passes take turns, so that a disturbance hits all of them. The number of weights of the first size and all that is written for
them fit into a second-level cache of 2 MiB; those of the second do not. The logits are *first*: all are the initial one; *half*:
half of them are at -60, where no gate ever opens, in runs of 64; *settled*: all but one in a hundred are there.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.turns import about, busy_cores, timed
from maskscope.masks import make_estimator, make_kernels
from maskscope.masks.kernels import Address, Kernels, SoftGate
from maskscope.storage import write_json
from maskscope.training import MaskConfig

AT = Address((123456789, 987654321), step=3)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
STATES = ("first", "half", "settled")
TABLE_LAW = make_estimator("rao-blackwell").law()
SOFT_LAW = make_estimator("continuous-sparsification").law(0.5)
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
    bytes_a_weight: float
    run: Callable[[], object]

    @property
    def name(self) -> str:
        """All that tells it from the others."""
        return f"{self.kind}, {self.weights:,} weights, {self.samples} samples, {self.dtype}, {self.logits}"


def logits_of(state: str, n: int) -> Tensor:
    """The logits of a search: its first ones, or late ones."""
    random, logits = torch.Generator().manual_seed(0), torch.full((n,), MaskConfig().initial_logit)
    if state == "half":
        logits[(torch.arange(n) // 64) % 2 == 0] = -60.0
    if state == "settled":
        logits = torch.where(torch.rand(n, generator=random) < 0.01, torch.randn(n, generator=random) * 3, -60.0)
    return logits


def rows_of(kernels: Kernels, n: int, options: Options) -> Iterator[Row]:
    """All passes over so many weights; each dtype and state of the logits has its own memory."""
    for dtype, state in product(DTYPES, STATES):
        size, logits, most = DTYPES[dtype].itemsize, logits_of(state, n), max(options.samples)
        weights = torch.randn(n, generator=torch.Generator().manual_seed(1)).to(DTYPES[dtype])
        gates, whole, gradient = torch.empty(n, dtype=torch.uint8), torch.zeros(most, n, dtype=DTYPES[dtype]), torch.zeros(n)
        kernels.open_gates(logits, AT, most, gates)
        for samples in options.samples:
            out = whole[:samples]

            def soft(out: Tensor = out, given: tuple[Tensor, Tensor] = (logits, weights)) -> None:
                assert isinstance(SOFT_LAW, SoftGate)
                kernels.copy_soft(SOFT_LAW, *given, AT, 0, out)

            def add(law: object, out: Tensor = out, given: tuple[Tensor, ...] = (logits, weights, gates), into: Tensor = gradient) -> None:
                kernels.add_gradient(law, *given, out, AT, first_sample=0, scale=0.25, out=into)  # type: ignore[arg-type]

            rows = samples * size
            runs: dict[str, tuple[float, Callable[[], object]]] = {
                "draw_masked": (
                    5 + size + rows,
                    lambda o=out, lg=logits, w=weights, g=gates: kernels.draw_masked(lg, w, AT, g, o),  # type: ignore[misc]
                ),
                "copy_soft": (4 + size + rows, soft),
                "add_gradient, table": (13 + size + rows, lambda add=add: add(TABLE_LAW)),  # type: ignore[misc]
                "add_gradient, soft": (12 + size + rows, lambda add=add: add(SOFT_LAW)),  # type: ignore[misc]
            }
            if dtype == "float32":
                runs["open_gates"] = (5, lambda s=samples, lg=logits, g=gates: kernels.open_gates(lg, AT, s, g))  # type: ignore[misc]
            if state == STATES[0]:
                runs["copy_open"] = (1 + size + rows, lambda o=out, w=weights, g=gates: kernels.copy_open(w, g, 0, o))  # type: ignore[misc]
            for kind, (moved, run) in runs.items():
                if not options.only or kind in options.only:
                    yield Row(kind, n, samples, dtype, state, moved, run)


def plain_copies(rows: list[Row]) -> list[Row]:
    """A plain copy for each number of bytes that a pass reads and writes."""
    found: dict[tuple[int, float], Row] = {}
    for row in rows:
        half = int(row.weights * row.bytes_a_weight) // 2
        source = torch.ones(half, dtype=torch.uint8)
        target = torch.zeros_like(source)
        copy = Row("copy", row.weights, 0, "", "", row.bytes_a_weight, lambda s=source, t=target: t.copy_(s))  # type: ignore[misc]
        found.setdefault((row.weights, row.bytes_a_weight), copy)
    return list(found.values())


def measure(rows: list[Row], options: Options) -> dict[str, dict[str, float]]:
    """Minimum, quartiles and median of each, in nanoseconds a weight."""
    seconds: dict[str, list[float]] = {}
    for _ in range(options.blocks):
        for row in rows:
            key = row.name if row.kind != "copy" else f"copy {row.weights} {row.bytes_a_weight}"
            seconds.setdefault(key, []).extend(timed(lambda _, run=row.run: run(), options.repetitions))
    scale = {row.name if row.kind != "copy" else f"copy {row.weights} {row.bytes_a_weight}": 1e9 / row.weights for row in rows}
    found = {}
    for key, values in seconds.items():
        lower, median, upper = statistics.quantiles([value * scale[key] for value in values], n=4, method="inclusive")
        found[key] = {"least": min(values) * scale[key], "lower": lower, "median": median, "upper": upper, "n": len(values)}
    return found


def fixed_costs(kernels: Kernels) -> dict[str, float]:
    """Microseconds of a call of each pass for 16 weights and four samples: what a call costs before it does anything."""
    options = Options(samples=(4,))
    found = {}
    for row in rows_of(kernels, 16, options):
        if row.logits == STATES[0]:
            found[f"{row.kind}, {row.dtype}"] = min(timed(lambda _, run=row.run: run(), CALLS_FOR_FIXED_COST)) * 1e6
    return found


def main() -> None:
    """Measures, prints, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.passes")
    torch.set_num_threads(options.threads)
    kernels, busy, results = make_kernels(torch.device("cpu"), options.kernels), busy_cores(), []
    table = Table("pass", "weights", "samples", "dtype", "logits", "least", "lower", "median", "upper", "copy", title="ns a weight")
    for size in options.sizes:
        rows = list(rows_of(kernels, size, options))
        found = measure(rows + plain_copies(rows), options)
        for row in rows:
            of_row, copy = found[row.name], found[f"copy {row.weights} {row.bytes_a_weight}"]
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
