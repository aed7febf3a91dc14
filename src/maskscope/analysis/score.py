"""How well a network does under a mask: sufficiency, necessity, and a mask applied to some tensors only."""

from collections.abc import Iterable

import torch
from torch import nn

from maskscope.masks import BinaryMask, call_masked, evaluation_mode
from maskscope.tasks import Scores, Task


def score(network: nn.Module, task: Task, mask: BinaryMask | None = None) -> Scores:
    """The task's scores of a network, under a mask if one is given; in eval mode, on the task's evaluation data.

    Sufficiency of a mask is the score under it; necessity, the score under its inverse (``~mask``).
    """
    with evaluation_mode(network), torch.no_grad():
        if mask is None:
            return task.score(network)
        return task.score(lambda inputs: call_masked(network, mask, inputs))


def half_mask_scores(network: nn.Module, task: Task, mask: BinaryMask, early: Iterable[str]) -> tuple[Scores, Scores]:
    """Scores with the mask applied to the early tensors only, and to the others only; the rest is left unmasked.

    Source: the half-mask test of Csordás et al. 2021: are masks of separate layers independent of each other?
    """
    early = list(early)
    late = [name for name in mask if name not in early]
    return score(network, task, mask.only(*early)), score(network, task, mask.only(*late))
