"""Executors by name: who runs the S masked networks of a step. To add one: one file beside these, one row here."""

from collections.abc import Mapping

from torch import nn

from maskscope.errors import UnknownNameError
from maskscope.masks.executors.automatic import AutomaticExecutor
from maskscope.masks.executors.batched import BatchedExecutor
from maskscope.masks.executors.executor import Executor
from maskscope.masks.executors.gated import GatedWeight, LearnedMask, gate
from maskscope.masks.executors.sequential import SequentialExecutor
from maskscope.masks.gradient import Loss

EXECUTORS: dict[str, type[Executor]] = {
    "auto": AutomaticExecutor,
    "batched": BatchedExecutor,
    "sequential": SequentialExecutor,
}

__all__ = ["EXECUTORS", "Executor", "GatedWeight", "LearnedMask", "gate", "make_executor"]


def make_executor(name: str, network: nn.Module, loss: Loss, units: Mapping[str, GatedWeight]) -> Executor:
    """The executor of that name, for a network, a loss and weights under masks.

    Raises:
        UnknownNameError: no such executor.
    """
    if name not in EXECUTORS:
        raise UnknownNameError("executor", name, EXECUTORS)
    return EXECUTORS[name](network, loss, units)
