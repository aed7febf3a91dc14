"""Where the logits of a mask start, if not all at one value: by attribution, or from the mask of a neighbour in a series."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from maskscope.analysis import warm_start
from maskscope.masks import MaskLogits, Off, Selection
from maskscope.masks.off import ZERO
from maskscope.procedure.measure import attribution_scores
from maskscope.procedure.settings import MaskSpec
from maskscope.tasks import Task
from maskscope.training import child_seed

# The neighbour's logits are cut to this much on both sides of 0. The paper starts at 2, a keep probability of .88. Where a search
# ended, logits lie so far out (at -100 along a path) that their gates hardly move and their gradient is next to nothing: what the
# neighbour did not need would never come back.
_FURTHEST = 2.0


def initial_logits(
    network: nn.Module, task: Task, function: str, selection: Selection, spec: MaskSpec, seed: int, off: Off = ZERO
) -> MaskLogits | None:
    """Where the logits of a function's mask start by the settings, if not all at one value."""
    if not spec.warm_start:
        return None
    scores = attribution_scores(network, task, function, selection, child_seed(seed, "warm start"), spec, off)
    return warm_start(scores, selection, spec.initial_logit, spec.warm_start)


def neighbours_logits(logits: Mapping[str, Tensor], selection: Selection, device: torch.device) -> MaskLogits | None:
    """Where a search starts from the logits of the network before in a series: at these, cut to keep probabilities of .12 to .88.

    Args:
        logits: of the neighbour's mask, by group of units.
        selection: of the search.
        device: of the search.

    Returns:
        The logits; None where the neighbour's mask keeps nothing: a search that starts from nothing may never leave it.
    """
    found = {name: logits[name].clamp(-_FURTHEST, _FURTHEST).to(device) for name in selection.unit_shapes}
    if not any(bool((one > 0).any()) for one in found.values()):
        return None
    return MaskLogits.from_units(selection, found)
