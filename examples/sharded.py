"""Finds the mask of a network that two processes share: run it as it is, then put your own network in its place.

A small network learns two functions; its weights are shared by `fully_shard`; all processes search together for the weights of
the first function. Nothing is downloaded. On machines with GPUs each process takes one.

    pip install maskscope
    torchrun --nproc-per-node 2 sharded.py
"""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import maskscope as ms

ITEMS = 64


def numbers(index: int) -> Tensor:
    """The inputs of part ``index``, the same in every process."""
    return torch.randn(ITEMS, 8, generator=torch.Generator().manual_seed(index % 2**31))


def answers(inputs: Tensor) -> Tensor:
    """What the network learns: the product of the first two inputs, and the larger of the next two."""
    return torch.stack([inputs[:, 0] * inputs[:, 1], inputs[:, 2:4].amax(1)], 1)


def trained(steps: int) -> nn.Sequential:
    """A trained network; every process trains the same one. Yours would load its weights after `fully_shard`."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(steps):
        inputs = numbers(step)
        loss = (network(inputs) - answers(inputs)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def loss(network: nn.Module, inputs: Tensor) -> Tensor:
    """The function that a mask is looked for: the first of the two outputs."""
    found: Tensor = (network(inputs) - answers(inputs))[:, 0].square().mean()
    return found


def main(folder: str, training: int = 2000, steps: int = 200) -> ms.ShardedMask:
    """Trains, shards, searches and saves the mask."""
    if not dist.is_initialized():
        dist.init_process_group()
    rank, processes = dist.get_rank(), dist.get_world_size()
    kind = "cuda" if torch.cuda.is_available() and dist.get_backend() != "gloo" else "cpu"
    mesh = init_device_mesh(kind, (processes,))
    network = trained(training).to(kind)
    for layer in (network[0], network[2]):
        fully_shard(layer, mesh=mesh)
    fully_shard(network, mesh=mesh)

    def my_share(index: int) -> Tensor:
        return numbers(100_000 + index).chunk(processes)[rank].to(kind)

    config = ms.MaskConfig(steps=steps, learning_rate=0.2, size=ms.Penalty(5e-5))
    found = ms.discover_sharded(network, loss, my_share, config=config, name="product")
    found.mask.save(folder)

    inputs = numbers(-1).to(kind)
    without = ms.call_masked(network, ~found.mask, inputs)  # every process calls
    error = (without - answers(inputs)).square().mean(0).tolist()
    if rank == 0:
        print(f"{found.judgement}")
        print(f"without these weights the squared error is {error[0]:.2f} (product) and {error[1]:.2f} (maximum)")
        print(f"saved in {Path(folder).resolve()}: {ms.whole_mask(folder)}")
    return found.mask


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "product-mask")
    dist.destroy_process_group()
