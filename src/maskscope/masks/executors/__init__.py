"""Executors by name: they run the S masked networks of a step. To add one, add one file to this folder and one row here."""

from collections.abc import Mapping

import torch
from torch import nn

from maskscope.errors import UnknownNameError
from maskscope.masks.executors.automatic import AutomaticExecutor, is_faster_batched
from maskscope.masks.executors.batched import WHOLE_BYTES, BatchedExecutor, linear_weights
from maskscope.masks.executors.executor import Executor, Networks
from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.learned import LearnedMask, gate
from maskscope.masks.executors.packed import PackedLSTMMode
from maskscope.masks.executors.product import block_bytes
from maskscope.masks.executors.sequential import SequentialExecutor
from maskscope.masks.executors.threaded import ThreadedExecutor
from maskscope.masks.gradient import Loss

EXECUTORS: dict[str, type[Executor]] = {
    "auto": AutomaticExecutor,
    "batched": BatchedExecutor,
    "sequential": SequentialExecutor,
    "threads": ThreadedExecutor,
}

__all__ = [
    "EXECUTORS",
    "Executor",
    "GatedWeight",
    "LearnedMask",
    "PackedLSTMMode",
    "gate",
    "is_faster_batched",
    "make_executor",
    "working_bytes",
]


def make_executor(name: str, network: Networks, loss: Loss, units: Mapping[str, GatedWeight]) -> Executor:
    """The executor with this name, for a network (or that of each mask), a loss and weights under masks.

    Raises:
        UnknownNameError: there is no such executor.
    """
    if name not in EXECUTORS:
        raise UnknownNameError("executor", name, EXECUTORS)
    return EXECUTORS[name](network, loss, units)


def working_bytes(name: str, network: nn.Module, itemsizes: Mapping[str, int], device: torch.device, rows: int) -> int:
    """The largest memory, in bytes, that an executor needs at one time for masked copies and weight gradients.

    Sequential: one copy of every weight, and the gradient of the largest weight (each gradient is passed on when it is ready).
    Threads: for each sample, a copy of every weight and its gradient. Batched: for large weights of linear layers, one block of
    copies; for all other weights, all copies and all their gradients.

    Args:
        name: the name of the executor.
        network: the network whose weights are masked.
        itemsizes: the bytes of one element of the masked copies of each weight, by dotted name.
        device: the device of the network.
        rows: the number of masks times the number of samples in a group.
    """
    parameters = dict(network.named_parameters())
    sizes = {weight: itemsize * parameters[weight].numel() for weight, itemsize in itemsizes.items()}
    if name == "sequential" or (name == "auto" and not is_faster_batched(network)):
        return sum(sizes.values()) + max(sizes.values())
    if name == "threads":
        return 2 * rows * sum(sizes.values())
    in_blocks = {weight for weight in linear_weights(network) & set(sizes) if rows * sizes[weight] > WHOLE_BYTES}
    whole = rows * sum(size for weight, size in sizes.items() if weight not in in_blocks)
    largest = max((rows * sizes[weight] for weight in in_blocks), default=0)
    return 2 * whole + min(block_bytes(device), largest)
