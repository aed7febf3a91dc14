"""Everything that is measured on one network and its masks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import combinations
from operator import or_

import torch
from torch import Tensor, nn

from maskscope.analysis import (
    MIN_REPEATS,
    GradientCosine,
    NullTest,
    counts_among,
    density_floor,
    gradient_cosine,
    half_mask_scores,
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
from maskscope.experiments.class_record import Filters, Kept, Owned
from maskscope.experiments.record import CoreResult, HalfMask, MaskResult, NetworkResult, PairResult, SharingResult
from maskscope.experiments.sequence_measure import measure_sequences
from maskscope.experiments.sequence_record import SequenceResult
from maskscope.experiments.stages import Variant, compared
from maskscope.masks import BinaryMask, MaskLogits, Selection, dice, overlap_by_tensor
from maskscope.tasks import Scores, SequenceTask, Task
from maskscope.training import History, child_seed

BINS = 500
# a stable core is in at least this share of the repeats
CORE_SHARE = 0.8
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


@dataclass(frozen=True)
class NullOverlap:
    """Overlap where there is nothing to share, and how well the network does the arbitrary function."""

    dice: float
    accuracy: float


@dataclass(frozen=True)
class Measured:
    """How a network is measured.

    Args:
        number: the network's root seed, for the record.
        variant: the trained network, or which control.
        seed: of the random masks and the simulated floors.
        random_draws: random masks for each found mask.
        io: input and output tensors; where there are some, necessity is also measured with the full mask on them.
        early: choices of early tensors for the half-mask test.
        null: overlaps with arbitrary functions, of networks trained for that; about the first and the last function.
        removed: for masks that were found without a class: the class, by the mask's name.
        distorting: the mask whose distortion of gradients is measured; empty: none.
        baselines: of sequences, networks trained on one set of questions alone, by its name.
        examples: of sequences, questions of each test whose answers are kept.
        decoder_drops: of sequences, whether unmasked networks are also scored with the decoder's dropout on.
    """

    number: int
    variant: Variant
    seed: int
    random_draws: int
    io: Sequence[str]
    early: Sequence[Sequence[str]]
    null: Sequence[NullOverlap] = ()
    removed: Mapping[str, str] = field(default_factory=dict)
    distorting: str = ""
    baselines: Mapping[str, nn.Module] = field(default_factory=dict)
    examples: int = 0
    decoder_drops: bool = False


def measure_network(network: nn.Module, task: Task, found: Sequence[Found], how: Measured) -> NetworkResult:
    """Scores of the network under every mask, inverse and baseline; overlap of every pair of masks of functions.

    Args:
        network: the network that the masks were found on.
        task: with its evaluation data.
        found: the masks.
        how: settings.
    """
    full = next((one.mask for one in found if one.function == task.whole), None)
    of_functions = [one for one in found if one.function in compared(task.sought)]
    owned: tuple[Owned, ...] = ()
    used = reduce(or_, [one.mask for one in of_functions] + ([full] if full is not None else []))
    if how.removed and full is not None:
        # masks without one class have nearly everything in common; what classes own is compared instead
        of_functions = [replace(one, function=how.removed[one.function], mask=full - one.mask) for one in of_functions]
        owned = tuple(_measure_owned(network, task, one, full, how) for one in of_functions if one.repeat == 0)
        used = full
    names = dict.fromkeys(one.function for one in of_functions)
    groups = {name: [one.mask for one in of_functions if one.function == name] for name in names}
    return NetworkResult(
        seed=how.number,
        variant=how.variant,
        unmasked=score(network, task),
        masks=tuple(_measure_mask(network, task, one, full, how) for one in found),
        pairs=tuple(_measure_pair(a, b, used, how.seed) for a, b in combinations(of_functions, 2)),
        sharing=tuple(_measure_sharing(pair, groups, used, how) for pair in combinations(names, 2)),
        cores=tuple(_measure_core(name, masks) for name, masks in groups.items() if len(masks) >= MIN_REPEATS),
        half_masks=_half_masks(network, task, full, how.early) if full is not None else (),
        owned=owned,
        cosines=_cosines(network, task, found, how),
        filters=first_filters(network, full, {name: masks[0] for name, masks in groups.items()}) if owned else None,
        sequences=_sequences(network, task, found, how),
    )


def _sequences(network: nn.Module, task: Task, found: Sequence[Found], how: Measured) -> SequenceResult | None:
    if not isinstance(task, SequenceTask):
        return None
    masks = {(one.function, one.repeat): one.mask for one in found}
    return measure_sequences(network, task, masks, how.baselines, examples=how.examples, drops=how.decoder_drops, seed=how.seed)


def _measure_mask(network: nn.Module, task: Task, found: Found, full: BinaryMask | None, how: Measured) -> MaskResult:
    mask, seed = found.mask, how.seed
    device = next(network.parameters()).device
    kept = kept_counts(mask)
    scores = gradient_scores(network, task, found.function, found.logits.selection, child_seed(seed, "scores", found.function))
    random = torch.Generator().manual_seed(child_seed(seed, "random masks", found.function, found.repeat))
    last = found.history.loss[-_LAST:]
    with_full = full is not None and how.io
    asked = [mask, ~mask, top_weights(scores, kept).to(device)]
    asked += [~random_mask_like(mask, random) for _ in range(how.random_draws)]
    asked += [with_io(~mask, full, how.io)] if full is not None and how.io else []
    sufficiency, necessity, top, *others = score_many(network, task, asked)
    return MaskResult(
        function=found.function,
        repeat=found.repeat,
        by_tensor={name: Kept(count, mask[name].numel()) for name, count in kept.items()},
        undecided=found.logits.undecided(),
        final_loss=sum(last) / len(last) if last else math.nan,
        unmasked_loss=found.unmasked_loss,
        sufficiency=sufficiency,
        necessity=necessity,
        necessity_full_io=others[-1] if with_full else None,
        top_weights=top,
        random_removed=tuple(others[: how.random_draws]),
        histogram=_histogram(found.logits),
        in_full={name: Kept(int((bits & mask[name]).sum()), int(bits.sum())) for name, bits in (full or {}).items()},
    )


def gradient_scores(network: nn.Module, task: Task, function: str, selection: Selection, seed: int) -> dict[str, Tensor]:
    """|weight x gradient| of a function's loss, over 2,048 of its items."""
    batches = task.batches(function, _SCORING_ITEMS, seed)
    return weight_times_gradient(network, task.loss, [batches(index) for index in range(_SCORING_PARTS)], selection)


def _measure_pair(first: Found, second: Found, used: BinaryMask, seed: int) -> PairResult:
    counts = overlap_by_tensor(first.mask, second.mask)
    return PairResult(
        first=(first.function, first.repeat),
        second=(second.function, second.repeat),
        by_tensor=counts,
        floor=density_floor(counts.values(), seed),
        floor_used=density_floor(counts_among(first.mask, second.mask, used).values(), seed),
    )


def with_io(mask: BinaryMask, full: BinaryMask, io: Sequence[str]) -> BinaryMask:
    """A mask whose input and output tensors are those of the full mask.

    Source: the first-full-mask control of Csordás et al. 2021: is a loss due to the weights that the places have for themselves?
    """
    return BinaryMask({name: full[name] if name in io else bits for name, bits in mask.items()}, mask.weights)


def _measure_sharing(
    pair: tuple[str, str],
    groups: Mapping[str, Sequence[BinaryMask]],
    used: BinaryMask,
    how: Measured,
) -> SharingResult:
    first, second = groups[pair[0]], groups[pair[1]]
    hidden = [name for name in used if name not in how.io]
    inner = [[mask.only(*hidden) for mask in masks] for masks in (first, second)] if how.io else None
    tested = how.null if pair == (next(iter(groups)), list(groups)[-1]) else ()
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


def _measure_owned(network: nn.Module, task: Task, own: Found, full: BinaryMask, how: Measured) -> Owned:
    """What a class owns of the full mask, and whether removing it does more than removing as many others would."""
    random = torch.Generator().manual_seed(child_seed(how.seed, "random owned", own.function))
    asked = [full - own.mask, *(full - random_mask_like(own.mask, random, among=full) for _ in range(how.random_draws))]
    removed, *at_random = score_many(network, task, asked)
    counts = {name: Kept(int(own.mask[name].sum()), int(bits.sum())) for name, bits in full.items()}
    mask = next(name for name, one in how.removed.items() if one == own.function)
    return Owned(own.function, mask, counts, removed, tuple(at_random))


def _cosines(network: nn.Module, task: Task, found: Sequence[Found], how: Measured) -> tuple[GradientCosine, ...]:
    one = next((one for one in found if one.function == how.distorting), None)
    if one is None:
        return ()
    batches = task.batches(task.whole, _SCORING_ITEMS, child_seed(how.seed, "gradients"))
    layers: dict[str, list[str]] = {}
    for weight in reversed(one.logits.selection.weights):
        layers.setdefault(weight.name.rpartition(".")[0], []).append(weight.name)
    parts = [batches(index) for index in range(_SCORING_PARTS)]
    return tuple(gradient_cosine(network, task.loss, parts, one.mask, list(layers.values())))


def first_filters(network: nn.Module, full: BinaryMask | None, owned: Mapping[str, BinaryMask]) -> Filters | None:
    """The first convolution of a network, if it has one that is masked, and what each function owns of it."""
    parameters = dict(network.named_parameters())
    name = next((name for name, weight in parameters.items() if weight.dim() == 4), None)
    if name is None or full is None or name not in full:
        return None
    weight = parameters[name].detach()
    return Filters(
        tensor=name,
        shape=tuple(weight.shape),
        weights=tuple(round(value, 4) for value in weight.flatten().tolist()),
        full=_digits(full[name]),
        owned={function: _digits(mask[name]) for function, mask in owned.items()},
    )


def _digits(bits: Tensor) -> str:
    return "".join("1" if bit else "0" for bit in bits.flatten().tolist())


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
