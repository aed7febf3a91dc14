"""What the check before a search costs, in steps of the search; and what a masked call costs over a plain one.

    python -m benchmarks.check                      all of it (some two minutes)
    python -m benchmarks.check --networks medium    one of them

A step is what the executor does in one: draws, calls, backward passes, gradients of the logits. The check is made on the same
parts. A masked call is `call_with` with all weights replaced by others that are there already: what is timed is the lending of
attributes, the copies of buffers, and the giving back. Medians of five after one that is not counted, in turns. Told is processor
time of all threads: on a machine that does other work beside it, the time on the clock says little.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.cases import CASES, Case
from benchmarks.step import Name
from benchmarks.turns import busy_cores
from maskscope.masks import (
    LearnedMask,
    MaskLogits,
    Noise,
    call_with,
    evaluation_mode,
    gate,
    make_estimator,
    make_executor,
    make_kernels,
    select,
)
from maskscope.masks.laws import check_guest

TURNS, CALLS = 5, 5


@dataclass(frozen=True)
class Options:
    """Cost of the check and of a masked call."""

    networks: tuple[Name, ...] = ("medium", "cnn", "lstm", "transformer")
    """Which networks (benchmarks/cases.py)."""
    threads: int = 1
    """Torch threads."""


class _TwelveLayers(nn.Module):
    """Of the size of a small pretrained encoder in layers, not in width."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(256, 8, 1024, batch_first=True)
        self.enter = nn.Linear(64, 256)
        self.layers = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
        self.leave = nn.Linear(256, 20)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.leave(self.layers(self.enter(x)).mean(1))
        return scores


TWELVE = Case("Transformer encoder 12 x 256, 32 positions", _TwelveLayers, 4, (32, 64), batch=8)


def medians(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median processor seconds of each, in turns."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(TURNS + 1):
        for name, work in works.items():
            began = time.process_time()
            work()
            if turn:
                taken[name].append(time.process_time() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def cost_of_check(case: Case) -> dict[str, float]:
    """Seconds of the check and of a step."""
    network = case.make()
    selection = select(network, exclude=case.exclude)
    weights, logits = selection.of(network), MaskLogits.full(selection, 0.0)
    mask = LearnedMask(logits, torch.zeros_like(logits.flat), Noise(0, "benchmark"))
    units = gate(weights, weights, [mask], make_kernels(torch.device("cpu")), make_estimator("rao-blackwell").law())
    executor = make_executor("auto", network, case.loss, units)
    parts = [[case.part(index, case.batch // case.samples) for index in range(case.samples)]]
    with evaluation_mode(network):
        return medians(
            {
                "check": lambda: check_guest(executor, [logits], parts),
                "step": lambda: executor.add_gradients(1, parts, case.samples),
            }
        )


def cost_of_call(case: Case) -> dict[str, float]:
    """Seconds of a plain and of a masked call, without gradients."""
    network = case.make().eval()
    x, _ = case.part(0, case.batch // case.samples)
    weights = {name: weight.clone() for name, weight in select(network).of(network).items()}

    def plain() -> None:
        for _ in range(CALLS):
            network(x)

    def masked() -> None:
        for _ in range(CALLS):
            call_with(network, weights, lambda guest: guest(x))

    with torch.no_grad():
        return {name: seconds / CALLS for name, seconds in medians({"plain": plain, "masked": masked}).items()}


def main() -> None:
    """Measures and prints."""
    options = tyro.cli(Options, prog="python -m benchmarks.check")
    torch.set_num_threads(options.threads)
    console, busy = Console(), busy_cores()
    table = Table("", "check, ms", "step, ms", "check in steps", "plain call, ms", "masked call, ms", "more, ms")
    for case in (*(CASES[name] for name in options.networks), TWELVE):
        search, call = cost_of_check(case), cost_of_call(case)
        seconds = (search["check"], search["step"], call["plain"], call["masked"], call["masked"] - call["plain"])
        check, step, plain, masked, more = (f"{one * 1e3:.3g}" for one in seconds)
        table.add_row(case.title, check, step, f"{search['check'] / search['step']:.2g}", plain, masked, more)
        sys.stderr.write(f"{case.title} is measured\n")
    console.print(table)
    if busy > 0.3:
        sys.stderr.write(f"The machine was busy with other things ({busy:.2f} cores): trust the ratios only.\n")


if __name__ == "__main__":
    main()
