"""Controls: networks on which the same procedure is repeated. Each is a value, and a new one is a row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from maskscope.analysis import shuffled_weights
from maskscope.tasks import Task

# from the trained network, the settings, the task and a seed to another network, which may be the trained one, changed
Derive = Callable[[nn.Module, Any, Task, int], nn.Module]


@dataclass(frozen=True)
class Trial:
    """What one piece of an experiment works with.

    Args:
        work: the work of the seed: settings, task, selection, where it runs.
        piece: which piece it is.
        network: the trained network.
        found: the masks that the piece needs.
        seed: of whatever is drawn at random in it.
        name: of its artefact.
        checkpoint: where the state of its first search may be kept.
    """

    work: Any
    piece: str
    network: nn.Module
    found: Sequence[Any]
    seed: int
    name: str
    checkpoint: Path


@dataclass(frozen=True)
class Experiment:
    """Searches in the trained network, or in a copy of it, whose outcome is not a network with a mask for each function.

    Args:
        pieces: names of the pieces of work of one seed, from the settings and the task: each is a step, and a file.
        run: does a piece; its result is a dataclass that goes into the record of the trained network (`Subject.with_outcomes`).
        needs: whether a piece needs a mask of the trained network, from its plan and the piece.
        searches: masks that a piece searches for: its price.
    """

    pieces: Callable[[Any, Task], Sequence[str]]
    run: Callable[[Trial], Any]
    needs: Callable[[Any, str], bool]
    searches: int


@dataclass(frozen=True)
class Control:
    """What is compared with the trained network: an untrained one, unless `derive`, `relabels` or `experiment` says otherwise.

    Args:
        name: of the variant.
        words: what it is, as a title.
        short: the same in two words.
        null: whether nothing should be found there.
        derive: makes the network from the trained one, without training.
        relabels: whether the trained network itself is searched, for functions whose answers are shuffled among their inputs.
        whole_procedure: whether everything is sought, with full mask and repeats; else one mask for each function.
        experiment: searches of another kind, on the trained network; then there is no network of this control.
    """

    name: str
    words: str
    short: str
    null: bool = True
    derive: Derive | None = None
    relabels: bool = False
    whole_procedure: bool = False
    experiment: Experiment | None = None


def _shuffled(network: nn.Module, _spec: Any, _task: Task, seed: int) -> nn.Module:
    return shuffled_weights(network, torch.Generator().manual_seed(seed))


UNTRAINED = Control("untrained", "Untrained network", "untrained")
SHUFFLED_WEIGHTS = Control("shuffled-weights", "Weights shuffled within each tensor", "weights shuffled", derive=_shuffled)
SHUFFLED_LABELS = Control("shuffled-labels", "Shuffled labels, sought in the trained network", "labels shuffled", relabels=True)


def by_name(*controls: Control) -> Mapping[str, Control]:
    """Controls by their names."""
    return {control.name: control for control in controls}
