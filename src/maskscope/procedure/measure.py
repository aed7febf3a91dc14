"""Everything that is measured on one network and its masks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.analysis import (
    MIN_REPEATS,
    NullTest,
    counts_among,
    density_floor,
    half_mask_scores,
    integrated_gradients,
    kept_counts,
    normalised_sharing,
    random_mask_like,
    score,
    score_many,
    stable_core,
    top_weights,
    unrelated_p_value,
    weight_times_gradient,
)
from maskscope.masks import BinaryMask, MaskLogits, Off, Selection, dice, overlap_by_tensor
from maskscope.procedure.result import CoreResult, HalfMask, Kept, MaskResult, NetworkResult, PairResult, SharingResult
from maskscope.procedure.settings import MaskSpec
from maskscope.procedure.subject import Compared, FoundMask, MaskedNetwork, Subject
from maskscope.tasks import Scores, Task
from maskscope.training import child_seed

BINS = 500
_RANDOM_HALVES = 5
# a stable core is in at least this share of the repeats
CORE_SHARE = 0.8
# |weight x gradient| is averaged over this many items of the function
SCORING_PARTS, SCORING_ITEMS = 16, 128
_LAST = 100


@dataclass(frozen=True)
class NullOverlap:
    """Overlap where there is nothing to share, and how well the network does the arbitrary function."""

    dice: float
    accuracy: float


def measure_network(
    subject: Subject[Any], masked: MaskedNetwork[Any], names: Sequence[str], null: Sequence[NullOverlap]
) -> NetworkResult[Any]:
    """Scores of the network under every mask, inverse and baseline; overlap of every pair of masks of functions.

    Args:
        subject: what else is measured, and what is compared.
        masked: the network, its task and its masks.
        names: of the maskable tensors, in the network's order.
        null: overlaps with arbitrary functions, of networks trained for that; about the first and the last function.
    """
    network, task, full, seed = masked.network, masked.task, masked.full, masked.random_seed
    compared = subject.compared(masked)
    used = subject.weights_in_use(masked, compared)
    functions = dict.fromkeys(one.name for one in compared)
    groups = {name: [one.mask for one in compared if one.name == name] for name in functions}
    io = subject.io_tensors(masked.spec, names)
    early = subject.early_tensors(masked.spec, names, seed)
    return NetworkResult(
        seed=masked.seed,
        variant=masked.variant,
        unmasked=score(network, task),
        masks=tuple(_measure_mask(masked, one, io) for one in masked.found),
        pairs=tuple(_measure_pair(a, b, used, seed) for a, b in combinations(compared, 2)),
        sharing=tuple(_measure_sharing(pair, groups, used, io, null) for pair in combinations(functions, 2)),
        cores=tuple(_measure_core(name, masks) for name, masks in groups.items() if len(masks) >= MIN_REPEATS),
        half_masks=_half_masks(network, task, full, early) if full is not None else (),
        more=subject.measure_more(masked, compared),
    )


def score_each(network: nn.Module, task: Task, masks: Sequence[BinaryMask]) -> list[Scores]:
    """Scores under each of several masks; in one pass over the data where the task does nothing but call its network."""
    if task.only_calls:
        return score_many(network, task, masks)
    return [score(network, task, mask) for mask in masks]


def _measure_mask(masked: MaskedNetwork[Any], found: FoundMask, io: Sequence[str]) -> MaskResult:
    network, task, mask, search = masked.network, masked.task, found.mask, found.plan.search
    full, seed, draws = masked.full, masked.random_seed, masked.spec.random_draws
    device = next(network.parameters()).device
    kept = kept_counts(mask)
    seed_scores = child_seed(seed, "scores", search.name)
    scores = attribution_scores(network, task, search.function, found.logits.selection, seed_scores, masked.spec.mask, mask.off)
    random = torch.Generator().manual_seed(child_seed(seed, "random masks", search.name, found.plan.repeat))
    last = found.history.loss[-_LAST:]
    with_full = full is not None and io
    asked = [mask, ~mask, top_weights(scores, kept, found.logits.selection).with_off(mask.off).to(device)]
    asked += [~random_mask_like(mask, random) for _ in range(draws)]
    asked += [with_io(~mask, full, io)] if full is not None and io else []
    sufficiency, necessity, top, *others = score_each(network, task, asked)
    return MaskResult(
        function=search.name,
        repeat=found.plan.repeat,
        by_tensor={name: Kept(kept[name], bits.numel()) for name, bits in mask.by_unit().items()},
        undecided=found.logits.undecided(masked.spec.mask.config().made_estimator.undecided_below(1.0)),
        final_loss=sum(last) / len(last) if last else math.nan,
        unmasked_loss=found.unmasked_loss,
        sufficiency=sufficiency,
        necessity=necessity,
        necessity_full_io=others[-1] if with_full else None,
        top_weights=top,
        random_removed=tuple(others[:draws]),
        histogram=_histogram(found.logits),
        in_full={name: Kept(one.both, one.second) for name, one in overlap_by_tensor(mask, full).items()} if full else {},
        judged_by=search.judged_by,
    )


def attribution_scores(
    network: nn.Module, task: Task, function: str, selection: Selection, seed: int, spec: MaskSpec, off: Off
) -> dict[str, Tensor]:
    """What a function's loss attributes to each unit, over 2,048 of its items, as the settings say."""
    batches = task.batches(function, SCORING_ITEMS, seed)
    parts = [batches(index) for index in range(SCORING_PARTS)]
    if spec.attribution == "integrated-gradients":
        return integrated_gradients(network, task.loss, parts, selection, off=off)
    return weight_times_gradient(network, task.loss, parts, selection, off)


def _measure_pair(first: Compared, second: Compared, used: BinaryMask, seed: int) -> PairResult:
    counts = overlap_by_tensor(first.mask, second.mask)
    return PairResult(
        first=(first.name, first.repeat),
        second=(second.name, second.repeat),
        by_tensor=counts,
        floor=density_floor(counts.values(), seed),
        floor_used=density_floor(counts_among(first.mask, second.mask, used).values(), seed),
    )


def with_io(mask: BinaryMask, full: BinaryMask, io: Sequence[str]) -> BinaryMask:
    """A mask whose input and output tensors are those of the full mask.

    Source: the first-full-mask control of Csordás et al. 2021: is a loss due to the weights that the places have for themselves?
    """
    return replace(mask, tensors={name: full[name] if name in io else bits for name, bits in mask.items()}, made_by={})


def _measure_sharing(
    pair: tuple[str, str],
    groups: Mapping[str, Sequence[BinaryMask]],
    used: BinaryMask,
    io: Sequence[str],
    null: Sequence[NullOverlap],
) -> SharingResult:
    first, second = groups[pair[0]], groups[pair[1]]
    hidden = [name for name in used if name not in io]
    inner = [[mask.only(*hidden) for mask in masks] for masks in (first, second)] if io else None
    tested = null if pair == (next(iter(groups)), list(groups)[-1]) else ()
    overlaps, observed = tuple(one.dice for one in tested), dice(first[0], second[0])
    return SharingResult(
        functions=pair,
        all_weights=normalised_sharing(first, second),
        used_weights=normalised_sharing(first, second, among=used),
        hidden_weights=normalised_sharing(inner[0], inner[1]) if inner else None,
        null=NullTest(observed, overlaps, unrelated_p_value(observed, overlaps)) if tested else None,
        null_accuracy=tuple(one.accuracy for one in tested),
    )


def _measure_core(function: str, masks: Sequence[BinaryMask]) -> CoreResult:
    core = stable_core(masks, CORE_SHARE)
    return CoreResult(function, core.repeats, core.needed, core.kept, core.share, core.share_by_chance)


def _half_masks(network: nn.Module, task: Task, full: BinaryMask, choices: Sequence[Sequence[str]]) -> tuple[HalfMask, ...]:
    task = task.on_whole()
    everywhere, result = _overall(score(network, task, full)), []
    for early in choices:
        with_early, with_late = half_mask_scores(network, task, full, early)
        result.append(HalfMask(tuple(early), everywhere, _overall(with_early), _overall(with_late)))
    return tuple(result)


def _overall(scores: Scores) -> float:
    """Accuracy over all functions, which have equally many items."""
    return sum(scores.accuracy.values()) / len(scores.accuracy)


def _histogram(logits: MaskLogits) -> tuple[int, ...]:
    probabilities = torch.sigmoid(logits.flat.to(torch.float64))
    return tuple(int(count) for count in torch.histc(probabilities, BINS, 0, 1))


def random_halves(names: Sequence[str], seed: int) -> list[tuple[str, ...]]:
    """Five random halves of the tensors, rounded up, for the half-mask test of networks without an order of layers.

    Source: the authors' code, for the LSTMs of addition/multiplication and SCAN.
    """
    random = torch.Generator().manual_seed(seed)
    half = math.ceil(len(names) / 2)
    chosen = [sorted(torch.randperm(len(names), generator=random)[:half].tolist()) for _ in range(_RANDOM_HALVES)]
    return [tuple(names[place] for place in places) for places in dict.fromkeys(map(tuple, chosen))]
