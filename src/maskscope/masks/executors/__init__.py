"""Executors by name: who runs the S masked networks of a step. To add one: one file beside these, one row here."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from maskscope.errors import UnknownNameError
from maskscope.masks.executors.automatic import AutomaticExecutor
from maskscope.masks.executors.batched import WHOLE_BYTES, BatchedExecutor
from maskscope.masks.executors.executor import Executor
from maskscope.masks.executors.gated import GatedWeight, LearnedMask, gate
from maskscope.masks.executors.product import block_bytes
from maskscope.masks.executors.sequential import SequentialExecutor
from maskscope.masks.gradient import Loss

EXECUTORS: dict[str, type[Executor]] = {
    "auto": AutomaticExecutor,
    "batched": BatchedExecutor,
    "sequential": SequentialExecutor,
}

__all__ = ["EXECUTORS", "Executor", "GatedWeight", "LearnedMask", "gate", "make_executor", "working_bytes"]


def make_executor(name: str, network: nn.Module, loss: Loss, units: Mapping[str, GatedWeight]) -> Executor:
    """The executor of that name, for a network, a loss and weights under masks.

    Raises:
        UnknownNameError: no such executor.
    """
    if name not in EXECUTORS:
        raise UnknownNameError("executor", name, EXECUTORS)
    return EXECUTORS[name](network, loss, units)


def working_bytes(name: str, shapes: Sequence[tuple[int, ...]], device: torch.device, *, rows: int, itemsize: int) -> int:
    """The most bytes of masked copies and weight gradients that an executor has at one time.

    Sequential: one copy of every weight, and the gradient of the largest, which is handed on as it arises. Batched: all copies of
    the weights up to `WHOLE_BYTES` and as much again for their gradients, and one block of the others. (Weights of two dimensions
    that are not a linear map's do not go in blocks: embeddings, recurrent layers. They take more than is said here.)

    Args:
        name: of the executor; the automatic one takes the larger of the two.
        shapes: of the weights.
        device: where.
        rows: masks times samples of a group.
        itemsize: bytes of a copied weight.
    """
    sizes = [itemsize * torch.Size(shape).numel() for shape in shapes]
    sequential = sum(sizes) + max(sizes)
    whole = [rows * size for shape, size in zip(shapes, sizes, strict=True) if len(shape) != 2 or rows * size <= WHOLE_BYTES]
    batched = 2 * sum(whole) + (block_bytes(device) if len(whole) < len(sizes) else 0)
    return {"sequential": sequential, "batched": batched}.get(name, max(sequential, batched))
