"""Everything that is measured on one network and its masks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import or_

import torch
from torch import nn

from maskscope.analysis import (
    counts_among,
    density_floor,
    half_mask_scores,
    kept_counts,
    normalised_sharing,
    random_mask_like,
    score,
    top_weights,
    weight_times_gradient,
)
from maskscope.experiments.record import HalfMask, Kept, MaskResult, NetworkResult, PairResult
from maskscope.masks import BinaryMask, MaskLogits, overlap_by_tensor
from maskscope.tasks import Scores, Task
from maskscope.training import History, child_seed

BINS = 500
# |weight x gradient| is averaged over this many items of the function
_SCORING_PARTS, _SCORING_ITEMS = 16, 128
_LAST = 100


@dataclass(frozen=True)
class Found:
    """One mask with what is needed to judge it."""

    function: str
    repeat: int
    mask: BinaryMask
    logits: MaskLogits
    history: History
    unmasked_loss: float


def measure_network(
    network: nn.Module, task: Task, found: Sequence[Found], *, seed: int, number: int, trained: bool, random_draws: int
) -> NetworkResult:
    """Scores of the network under every mask, inverse and baseline; overlap of every pair of masks of functions.

    Args:
        network: the network that the masks were found on.
        task: with its evaluation data.
        found: the masks.
        seed: of the random masks and the simulated floors.
        number: the network's root seed, for the record.
        trained: False for the untrained control.
        random_draws: random masks for each found mask.
    """
    of_functions = [one for one in found if one.function in task.functions]
    used = reduce(or_, (one.mask for one in found))
    full = next((one.mask for one in found if one.function == task.whole), None)
    groups = [[one.mask for one in of_functions if one.function == function] for function in task.functions]
    two = len(groups) == 2 and all(groups)
    return NetworkResult(
        seed=number,
        trained=trained,
        unmasked=score(network, task),
        masks=tuple(_measure_mask(network, task, one, seed, random_draws) for one in found),
        pairs=tuple(_measure_pair(a, b, used, seed) for a, b in combinations(of_functions, 2)),
        sharing=normalised_sharing(groups[0], groups[1], seed=seed) if two else None,
        sharing_used=normalised_sharing(groups[0], groups[1], among=used, seed=seed) if two else None,
        half_mask=_half_mask(network, task, full) if full is not None else None,
    )


def _measure_mask(network: nn.Module, task: Task, found: Found, seed: int, random_draws: int) -> MaskResult:
    mask = found.mask
    device = next(network.parameters()).device
    kept = kept_counts(mask)
    batches = task.batches(found.function, _SCORING_ITEMS, child_seed(seed, "scores", found.function))
    parts = [batches(index) for index in range(_SCORING_PARTS)]
    scores = weight_times_gradient(network, task.loss, parts, found.logits.selection)
    random = torch.Generator().manual_seed(child_seed(seed, "random masks", found.function, found.repeat))
    last = found.history.loss[-_LAST:]
    return MaskResult(
        function=found.function,
        repeat=found.repeat,
        by_tensor={name: Kept(count, mask[name].numel()) for name, count in kept.items()},
        undecided=found.logits.undecided(),
        final_loss=sum(last) / len(last) if last else math.nan,
        unmasked_loss=found.unmasked_loss,
        sufficiency=score(network, task, mask),
        necessity=score(network, task, ~mask),
        top_weights=score(network, task, top_weights(scores, kept).to(device)),
        random_removed=tuple(score(network, task, ~random_mask_like(mask, random)) for _ in range(random_draws)),
        histogram=_histogram(found.logits),
    )


def _measure_pair(first: Found, second: Found, used: BinaryMask, seed: int) -> PairResult:
    return PairResult(
        first=(first.function, first.repeat),
        second=(second.function, second.repeat),
        by_tensor=overlap_by_tensor(first.mask, second.mask),
        floor=density_floor(overlap_by_tensor(first.mask, second.mask).values(), seed),
        floor_used=density_floor(counts_among(first.mask, second.mask, used).values(), seed),
    )


def _half_mask(network: nn.Module, task: Task, full: BinaryMask) -> HalfMask:
    """Early are the first half of the weight tensors, rounded up: 3 of 5 in the paper's network."""
    names = list(full)
    early = names[: math.ceil(len(names) / 2)]
    with_early, with_late = half_mask_scores(network, task, full, early)
    return HalfMask(tuple(early), _overall(score(network, task, full)), _overall(with_early), _overall(with_late))


def _overall(scores: Scores) -> float:
    """Accuracy over all functions, which have equally many items."""
    return sum(scores.accuracy.values()) / len(scores.accuracy)


def _histogram(logits: MaskLogits) -> tuple[int, ...]:
    probabilities = torch.sigmoid(logits.flat.to(torch.float64))
    return tuple(int(count) for count in torch.histc(probabilities, BINS, 0, 1))
