"""A mask step of a network that processes share, beside plain steps of FSDP.

    python -m benchmarks.sharded [--processes 1 2] [--width 1024]

For each number of processes: the seconds of a mask step over those of S forward and backward passes of the same sharded network,
medians of steps in one run; and the highest memory of the search beyond that of the plain steps, for each weight of the process.
The tensors of a search take 21 bytes: trained values, logits, their gradient, two moments of Adam, a byte of gates.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard

import maskscope as ms
from maskscope.masks.shards import locals_of

STEPS, SAMPLES, ITEMS = 10, 4, 32


class Seconds(ms.Observer):
    """The seconds of each step."""

    def __init__(self) -> None:
        self.of_steps: list[float] = []
        self._last = 0.0

    def begin(self, report: ms.training.StepReport) -> None:
        """Starts the clock."""
        self._last = time.perf_counter()

    def after_step(self, report: ms.training.StepReport) -> None:
        """Reads the clock."""
        now = time.perf_counter()
        self.of_steps.append(now - self._last)
        self._last = now


def peak() -> float:
    """The highest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def loss(network: nn.Module, part: Tensor) -> Tensor:
    """Any loss: how long it takes does not depend on what it is for."""
    found: Tensor = network(part).square().mean()
    return found


def sharded(width: int, mesh: DeviceMesh) -> nn.Module:
    """Four layers, each of which is gathered for itself."""
    network = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(4)))
    for layer in network:
        fully_shard(layer, mesh=mesh)
    fully_shard(network, mesh=mesh)
    return network


def search(network: nn.Module, width: int, observers: list[ms.Observer]) -> None:
    """A search of a few steps."""
    config, parts = ms.MaskConfig(steps=STEPS, samples_per_step=SAMPLES), [torch.randn(ITEMS, width)]
    ms.discover_sharded(network, loss, parts, config=config, observers=observers, watch=False, judge=False, check=False)


def process(rank: int, processes: int, width: int, folder: Path) -> dict[str, float]:
    """The measurements of one process."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=processes)
    mesh = init_device_mesh("cpu", (processes,))
    search(sharded(16, mesh), 16, [])  # loads what every search needs
    network, part = sharded(width, mesh), torch.randn(ITEMS, width)
    plain, seconds = [], Seconds()
    for _ in range(STEPS):
        began = time.perf_counter()
        for _ in range(SAMPLES):
            loss(network, part).backward()
        plain.append(time.perf_counter() - began)
        network.zero_grad()
    before = peak()  # FSDP's own buffers, and what the allocator keeps of them, are several times the weights
    search(network, width, [seconds])
    own = sum(one.numel() for one in locals_of(network, dict(network.named_parameters())).values())
    highest = (peak() - before) * 2**20 / own
    dist.destroy_process_group()
    step, of_plain = statistics.median(seconds.of_steps[2:]), statistics.median(plain[2:])
    return {"own weights": own, "step s": step, "over plain": step / of_plain, "more bytes for each of them": highest}


def measured(processes: int, width: int) -> dict[str, float]:
    """The measurements of the first of some processes, each made by fork."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        children = []
        for rank in range(processes):
            child = os.fork()
            if not child:
                warnings.simplefilter("ignore")
                (folder / f"{rank}.json").write_text(json.dumps(process(rank, processes, width, folder)), encoding="utf-8")
                os._exit(0)
            children.append(child)
        if any(os.waitpid(child, 0)[1] for child in children):
            sys.exit("a process failed")
        found: dict[str, float] = json.loads((folder / "0.json").read_text(encoding="utf-8"))
        return found


def main() -> None:
    """Prints a row for each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--width", type=int, default=1024)
    asked = parser.parse_args()
    for processes in asked.processes:
        row = measured(processes, asked.width)
        print(f"{processes} processes: " + ", ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
