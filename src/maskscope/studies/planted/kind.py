"""What a kind of planted network is: a task, a network, and how modules are planted in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from maskscope.masks import BinaryMask
from maskscope.studies.planted.finetune import FinetuneConfig
from maskscope.tasks.multiplexer import Multiplexers


class NotCounted(Exception):
    """A construction that does not count; the message is the reason."""


@dataclass(frozen=True)
class Ground:
    """What modules are planted in; see `PlantingConfig`."""

    hidden: int
    noise: float
    spread: float
    finetune: FinetuneConfig


@dataclass(frozen=True)
class Planting:
    """One construction, before it is known whether it counts.

    Args:
        network: with the modules and the noise.
        truth: for each function the weights that carry it.
        territory: for each function the weights that it may use.
        steps: fine-tuning steps that it took.
    """

    network: nn.Module
    truth: Mapping[str, BinaryMask]
    territory: Mapping[str, BinaryMask]
    steps: int


@dataclass(frozen=True)
class PlantedKind:
    """A kind of planted network.

    Args:
        architecture: ``MLP``, ``CNN``, ``LSTM`` or ``Transformer``.
        task: makes the functions.
        network: makes a network of a number of hidden units for the task; its values do not matter.
        plant: plants the functions in such a network, under a seed; raises `NotCounted` if that fails.
    """

    architecture: str
    task: Callable[[], Multiplexers]
    network: Callable[[Multiplexers, int], nn.Module]
    plant: Callable[[Multiplexers, Ground, int], Planting]
