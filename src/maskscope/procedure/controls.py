"""Controls: networks on which the same procedure is repeated. Each is a value, and a new one is a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from maskscope.analysis import shuffled_weights
from maskscope.tasks import Task

# from the trained network, the settings, the task and a seed to another network, which may be the trained one, changed
Derive = Callable[[nn.Module, Any, Task, int], nn.Module]


@dataclass(frozen=True)
class Control:
    """What is compared with the trained network: an untrained one, unless `derive` or `relabels` says otherwise.

    Args:
        name: of the variant.
        words: what it is, as a title.
        short: the same in two words.
        null: whether nothing should be found there.
        derive: makes the network from the trained one, without training.
        relabels: whether the trained network itself is searched, for functions whose answers are shuffled among their inputs.
        whole_procedure: whether everything is sought, with full mask and repeats; else one mask for each function.
    """

    name: str
    words: str
    short: str
    null: bool = True
    derive: Derive | None = None
    relabels: bool = False
    whole_procedure: bool = False


def _shuffled(network: nn.Module, _spec: Any, _task: Task, seed: int) -> nn.Module:
    return shuffled_weights(network, torch.Generator().manual_seed(seed))


UNTRAINED = Control("untrained", "Untrained network", "untrained")
SHUFFLED_WEIGHTS = Control("shuffled-weights", "Weights shuffled within each tensor", "weights shuffled", derive=_shuffled)
SHUFFLED_LABELS = Control("shuffled-labels", "Shuffled labels, sought in the trained network", "labels shuffled", relabels=True)


def by_name(*controls: Control) -> Mapping[str, Control]:
    """Controls by their names."""
    return {control.name: control for control in controls}
