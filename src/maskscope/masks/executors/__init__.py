"""Executors by name: who runs the S masked networks of a step. To add one: one file beside these, one row here."""

from collections.abc import Mapping

import torch
from torch import nn

from maskscope.errors import UnknownNameError
from maskscope.masks.executors.automatic import AutomaticExecutor, is_faster_batched
from maskscope.masks.executors.batched import WHOLE_BYTES, BatchedExecutor, linear_weights
from maskscope.masks.executors.executor import Executor
from maskscope.masks.executors.gated import GatedWeight, LearnedMask, gate
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


def make_executor(name: str, network: nn.Module, loss: Loss, units: Mapping[str, GatedWeight]) -> Executor:
    """The executor of that name, for a network, a loss and weights under masks.

    Raises:
        UnknownNameError: no such executor.
    """
    if name not in EXECUTORS:
        raise UnknownNameError("executor", name, EXECUTORS)
    return EXECUTORS[name](network, loss, units)


def working_bytes(name: str, network: nn.Module, itemsizes: Mapping[str, int], device: torch.device, rows: int) -> int:
    """The most bytes of masked copies and weight gradients that an executor has at one time.

    Sequential: one copy of every weight, and the gradient of the largest, which is handed on as it arises. Threads: for
    each sample a copy of every weight and its gradient. Batched: one block of the linear maps' weights; of all
    other weights, and of small ones, all copies and as much again for their gradients.

    Args:
        name: of the executor.
        network: whose weights are masked.
        itemsizes: bytes of an element of each masked weight's copies, by dotted name.
        device: where.
        rows: masks times samples of a group.
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
