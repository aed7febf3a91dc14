"""A whole mask step of a feed-forward network, recorded once as a CUDA graph and played again, beside the step as it is.

    python -m benchmarks.graphs                        seconds, on a GPU
    python -m benchmarks.graphs --json graphs.json     also writes the numbers, with device and versions

This has never run on a GPU: none was at hand. Its step was compared with the one of `discover` on a processor (the tests).

A small network's step is mostly the time that Python takes to launch some hundred small operations. A graph launches them at
once. What makes a step recordable: the parts of the data are copied into the same tensors; the number of the step is in memory,
where the passes read it, and grows by one in the graph itself; the gradient is cut to its largest norm, and Adam moves the
logits, without the processor asking for a number.

What is not in the recorded step, and why: gates whose law changes over the steps (the passes get a temperature by value), a
learning rate that changes (it would have to be in memory, too), more than one group of eight samples, the observers, who want
each loss, and the test whether a gradient is finite, for which the loop has to wait for the device. The first 2^31 steps have
right numbers: the recorded addition has no carry.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.cases import CASES, Case
from benchmarks.kinds import ALPHA, mask_steps
from benchmarks.turns import Runner, Timing, about, take_turns, timed_together
from maskscope.masks import (
    Kernels,
    LearnedMask,
    MaskLogits,
    Noise,
    Penalty,
    evaluation_mode,
    gate,
    make_estimator,
    make_executor,
    make_kernels,
    select,
)
from maskscope.storage import write_json
from maskscope.training import Compute, MaskConfig

CLIP, RATE = 1.0, 1e-2
# so many steps are done by both ways from equal logits, and compared
CHECKED = 20
# before recording: Triton compiles, torch's libraries make their handles and workspaces
WARM = 3


@dataclass(frozen=True)
class Options:
    """A mask step as a CUDA graph."""

    networks: tuple[Literal["small", "medium", "big", "mnist"], ...] = ("small", "medium", "big", "mnist")
    """Which networks (benchmarks/cases.py)."""
    steps: int = 40
    """Steps counted of each kind."""
    blocks: int = 4
    """Turns that they are divided into."""
    json: Path | None = None
    """A file for the numbers; written after each network."""


class StaticStep:
    """A search's step in which nothing but the contents of tensors changes.

    Args:
        network: the network.
        case: its loss and its data.
        kernels: that draw the gates.
        words: the number of the step in two words, the low one first, where the kernels read it; None if they take it by value.
    """

    def __init__(self, network: nn.Module, case: Case, kernels: Kernels, words: Tensor | None = None) -> None:
        self._case, self._words, self.number = case, words, 0
        selection, device = select(network, exclude=case.exclude), torch.device(case.device)
        weights = {name: weight.contiguous() for name, weight in selection.of(network).items()}
        self.logits = MaskLogits.full(selection, 2.0, device).flat
        self._gradient = torch.zeros_like(self.logits)
        mask = LearnedMask(MaskLogits(selection, self.logits), self._gradient, Noise(0, "benchmark"))
        self._units = gate(weights, weights, [mask], kernels, make_estimator("rao-blackwell").law())
        self._executor = make_executor("batched", network, case.loss, self._units)
        self._leaf = self.logits.detach()
        self._leaf.grad = self._gradient
        on_device = device.type == "cuda"
        self._adam = torch.optim.Adam([self._leaf], lr=RATE, foreach=on_device, capturable=on_device)
        self._parts = [self._given(sample) for sample in range(case.samples)]

    def _given(self, index: int) -> Sequence[Tensor]:
        return [one.clone() for one in self._case.part(index, self._case.batch // self._case.samples)]

    def feed(self, step: int) -> None:
        """Copies the parts of a step to where the step reads them."""
        for sample, mine in enumerate(self._parts):
            part = self._case.part(step * self._case.samples + sample, self._case.batch // self._case.samples)
            for into, one in zip(mine, part, strict=True):
                into.copy_(one)

    def run(self) -> None:
        """One step, on the parts that were copied."""
        samples = self._case.samples
        self._gradient.fill_(ALPHA)
        for unit in self._units.values():
            unit.begin(self.number, 0, samples, 1 / samples)
        self._executor.run([[tuple(part) for part in self._parts]])
        norm = torch.linalg.vector_norm(self._gradient)
        self._gradient.mul_((CLIP / (norm + 1e-6)).clamp(max=1.0))
        self._adam.step()
        if self._words is None:
            self.number += 1
        else:
            self._words[:1] += 1


@dataclass(frozen=True)
class Recorded:
    """A step as a CUDA graph."""

    step: StaticStep
    graph: Any

    def play(self, number: int) -> None:
        """The step on the parts of step ``number``."""
        self.step.feed(number)
        self.graph.replay()


def on_device(network: nn.Module, case: Case) -> StaticStep:
    """A step that can be recorded."""
    from maskscope.masks.kernels.cuda import CudaKernels

    words = torch.zeros(2, dtype=torch.int32, device=case.device)
    return StaticStep(network, case, CudaKernels(step=words), words)


def record(step: StaticStep) -> Recorded:
    """Records a step, after a few that are run on a stream of their own."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for number in range(WARM):
            step.feed(number)
            step.run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step.run()
    return Recorded(step, graph)


def difference(network: nn.Module, case: Case) -> float:
    """The largest difference of logits after some steps, played and one after the other with the step by value."""
    played, plain = record(on_device(network, case)), StaticStep(network, case, make_kernels(torch.device(case.device)))
    for number in range(CHECKED):
        plain.feed(number)
        plain.run()
        if number >= WARM:
            played.play(number)
    torch.cuda.synchronize()
    return float((played.step.logits - plain.logits).abs().max())


def kinds(network: nn.Module, case: Case) -> dict[str, Runner]:
    """What takes turns: the step of `discover`, that which can be recorded, and its graph."""
    config = MaskConfig(samples_per_step=case.samples, size=Penalty(ALPHA))
    plain, played = on_device(network, case), record(on_device(network, case))

    def run(number: int) -> None:
        plain.feed(number)
        plain.run()

    return {
        "discover": mask_steps(case, network, config, Compute()),
        "not recorded": partial(timed_together, run),
        "graph": partial(timed_together, played.play),
    }


def measure(name: str, options: Options) -> tuple[dict[str, Timing], float]:
    """The times of one network's steps, and the largest difference of logits."""
    case = replace(CASES[name], device="cuda")
    network = case.make().to("cuda")
    with evaluation_mode(network):
        apart = difference(network, case)
        timings = take_turns(kinds(network, case), options.steps, options.blocks)
    return timings, apart


def main() -> None:
    """Checks, measures, prints, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.graphs")
    if not torch.cuda.is_available():
        sys.exit("This records CUDA graphs, and PyTorch finds no CUDA device here.")
    networks = dict[str, object]()
    for name in options.networks:
        timings, apart = measure(name, options)
        table = Table(
            "", "ms", "quartiles", "of discover", title=f"{CASES[name].title}: largest difference of logits {apart:.2g}"
        )
        for kind, value in timings.items():
            share = value.median / timings["discover"].median
            quartiles = f"{value.lower * 1e3:.3g} to {value.upper * 1e3:.3g}"
            table.add_row(kind, f"{value.median * 1e3:.3g}", quartiles, f"{share:.2f}")
        Console().print(table)
        networks[name] = {"seconds": {kind: asdict(one) for kind, one in timings.items()}, "largest_difference": apart}
        if options.json:
            write_json(options.json, {"about": about("cuda"), "networks": networks})


if __name__ == "__main__":
    main()
