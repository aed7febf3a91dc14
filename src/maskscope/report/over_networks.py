"""What a record's networks say together: one number a network, then mean, spread and interval over networks."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any, Literal

from maskscope.analysis import Summary, summarise
from maskscope.engine.quantities import TRAINED
from maskscope.masks import OverlapCounts
from maskscope.procedure.floors import belongs, layers_of
from maskscope.procedure.record import MaskRecord
from maskscope.procedure.result import NetworkResult, PairResult, share_kept
from maskscope.report.numbers import brief
from maskscope.tasks import Scores, Task

Measure = Literal["iou", "iomin", "dice"]
WHOLE = Task.whole
# with more functions, or pairs of them, a figure is a heat map
_MOST_FUNCTIONS, _MOST_PAIRS = 4, 6


def few(functions: Sequence[str]) -> bool:
    """Whether each function can have a colour of its own."""
    return len(functions) <= _MOST_FUNCTIONS


def few_pairs(record: MaskRecord[Any]) -> bool:
    """Whether each pair of different functions can have a panel of its own."""
    return sum(first != second for first, second in function_pairs(record)) <= _MOST_PAIRS


def networks(record: MaskRecord[Any], *, variant: str = TRAINED) -> list[NetworkResult[Any]]:
    """The trained networks, or those of a control."""
    return [network for network in record.networks if network.variant == variant]


def over_networks(record: MaskRecord[Any], value: Callable[[NetworkResult[Any]], float], *, variant: str = TRAINED) -> Summary:
    """One number a network, summarised."""
    return summarise([value(network) for network in networks(record, variant=variant)])


def null_controls(record: MaskRecord[Any]) -> list[str]:
    """The controls of the record on which nothing should be found."""
    return [control.name for control in record.controls if control.null and networks(record, variant=control.name)]


def whole_procedures(record: MaskRecord[Any]) -> list[str]:
    """The variants that have everything, full mask and repeats included: the trained network first."""
    whole = [control.name for control in record.controls if control.whole_procedure]
    return [variant for variant in (TRAINED, *whole) if networks(record, variant=variant)]


def short_words(record: MaskRecord[Any]) -> dict[str, str]:
    """The trained network and the controls in two words, by name."""
    return {TRAINED: "trained"} | {control.name: control.short for control in record.controls}


def own_function(record: MaskRecord[Any], mask: str) -> str:
    """The function that a mask is for; its name, unless the mask says otherwise."""
    return record.own_functions.get(mask, mask)


def asks_reuse(record: MaskRecord[Any]) -> bool:
    """Whether the functions are one function in several places, so that the question is reuse and not specialisation."""
    return any(verdict.about == "P_reuse" for verdict in record.verdicts)


def mask_names(record: MaskRecord[Any]) -> list[str]:
    """The full mask if there is one, then what else has a mask, in the record's order."""
    found = {mask.function for network in networks(record) for mask in network.masks}
    return [name for name in (WHOLE, *record.masks) if name in found]


def paired_names(record: MaskRecord[Any]) -> list[str]:
    """What overlaps are between, in the record's order: functions, classes by what they own, or masks."""
    found = {name for network in networks(record) for pair in network.pairs for name, _ in (pair.first, pair.second)}
    return [name for name in dict.fromkeys((*record.functions, *record.masks)) if name in found]


def mask_label(name: str) -> str:
    """A mask in words."""
    return "full mask" if name == WHOLE else f"mask {name}"


def mask_title(name: str) -> str:
    """A mask as the title of a panel."""
    words = mask_label(name)
    return brief(words[0].upper() + words[1:], 26)


def tensor_names(record: MaskRecord[Any]) -> list[str]:
    """The dotted names of the maskable tensors, in the network's order."""
    masks = [mask for network in networks(record) for mask in network.masks]
    names = dict.fromkeys(name for mask in masks for name in mask.by_tensor)
    # files sort names as text, the tenth layer before the second
    return sorted(names, key=lambda name: [part.zfill(9) if part.isdigit() else part for part in name.split(".")])


def layer_names(record: MaskRecord[Any]) -> list[str]:
    """The maskable tensors, or groups of them if there are many: see `layers_of`."""
    return layers_of(tensor_names(record))


def short_names(tensors: Sequence[str | None]) -> list[str]:
    """Names for a figure: without the ``.weight`` that all end in; None is all tensors."""
    ending = ".weight" if all(name is None or name.endswith(".weight") for name in tensors) else ""
    return ["all tensors" if name is None else brief(name.removesuffix(ending)) for name in tensors]


def maskable(record: MaskRecord[Any], tensor: str | None) -> int:
    """Weights that could be kept, in one tensor or (None) in all."""
    masks = [mask for network in networks(record) for mask in network.masks]
    if not masks:
        return 0
    return sum(part.weights for name, part in masks[0].by_tensor.items() if tensor in (None, name))


def kept_share(record: MaskRecord[Any], name: str, tensor: str | None) -> Summary:
    """Share of weights that a mask keeps in one tensor, or (None) in all."""

    def share(network: NetworkResult[Any]) -> float:
        mask = network.mask(name)
        return share_kept(part for key, part in mask.by_tensor.items() if belongs(key, tensor)) if mask else math.nan

    return over_networks(record, share)


def confusion(record: MaskRecord[Any], name: str | None, *, inverse: bool) -> dict[str, dict[str, Summary]]:
    """Shares of answers, by true function and by whose answer was given; ``name`` None is the network without a mask.

    Empty where the task has no confusion.
    """
    pieces = [scores.confusion for scores in _scores(record, name, inverse)]
    if not pieces or not all(pieces):
        return {}
    # the record holds percent
    return {
        true: {answer: summarise([piece[true][answer] / 100 for piece in pieces]) for answer in answers}
        for true, answers in pieces[0].items()
    }


def histogram(record: MaskRecord[Any], name: str) -> list[float]:
    """Weights by keep probability, in equal bins of [0, 1]: the mean over networks."""
    counts = [mask.histogram for network in networks(record) if (mask := network.mask(name))]
    return [sum(column) / len(counts) for column in zip(*counts, strict=True)] if counts else []


def below_and_above(record: MaskRecord[Any], name: str) -> tuple[Summary, Summary]:
    """Shares of a mask's weights with a keep probability below .05, and above .95: what is not undecided."""

    def share(network: NetworkResult[Any], side: int) -> float:
        mask = network.mask(name)
        if mask is None or not sum(mask.histogram):
            return math.nan
        width = len(mask.histogram) // 20
        return sum(mask.histogram[:width] if side == 0 else mask.histogram[-width:]) / sum(mask.histogram)

    return over_networks(record, lambda network: share(network, 0)), over_networks(record, lambda network: share(network, 1))


def half_mask_drop(record: MaskRecord[Any], part: Literal["early_masked", "late_masked"]) -> Summary:
    """Accuracy that is lost where the full mask is on a part of the tensors only: the mean over the choices of that part."""
    return over_networks(record, lambda network: _mean(half.full - getattr(half, part) for half in network.half_masks))


def function_pairs(record: MaskRecord[Any]) -> list[tuple[str, str]]:
    """The pairs of functions whose masks were compared, the pairs of a function with itself included."""
    found = {frozenset((pair.first[0], pair.second[0])) for network in networks(record) for pair in network.pairs}
    return [pair for pair in combinations_with_replacement(paired_names(record), 2) if frozenset(pair) in found]


def repeated(record: MaskRecord[Any]) -> bool:
    """Whether a mask was found more than once on a network: the ceiling of overlap."""
    return any(first == second for first, second in function_pairs(record))


def overlap(
    record: MaskRecord[Any], pair: tuple[str, str], tensor: str | None, measure: Measure, *, variant: str = TRAINED
) -> Summary:
    """Overlap of the masks of two functions in one tensor or group of tensors, or (None) over all, as a ratio of sums."""
    return over_pairs(record, pair, lambda one: getattr(_counts(one, tensor), measure), variant=variant)


def overlap_floor(
    record: MaskRecord[Any], pair: tuple[str, str], tensor: str | None, measure: Measure, *, variant: str = TRAINED
) -> Summary:
    """The overlap that the sizes of those masks give by themselves, in a place or over all maskable weights, as recorded."""

    def floor(one: PairResult) -> float:
        found = one.floor if tensor is None else one.floors.get(tensor)
        return float(getattr(found, measure)) if found else math.nan

    return over_pairs(record, pair, floor, variant=variant)


def over_pairs(
    record: MaskRecord[Any], pair: tuple[str, str], value: Callable[[PairResult], float], *, variant: str = TRAINED
) -> Summary:
    """One number a network, the mean over all its pairs of masks of two functions, summarised; undefined if one of them is."""
    return over_networks(record, lambda network: _mean(value(one) for one in _pairs(network, pair)), variant=variant)


def _scores(record: MaskRecord[Any], name: str | None, inverse: bool) -> list[Scores]:
    found = networks(record)
    if name is None:
        return [network.unmasked for network in found]
    masks = [mask for network in found if (mask := network.mask(name))]
    return [mask.necessity if inverse else mask.sufficiency for mask in masks]


def _pairs(network: NetworkResult[Any], pair: tuple[str, str]) -> list[PairResult]:
    return [one for one in network.pairs if {one.first[0], one.second[0]} == set(pair)]


def _counts(pair: PairResult, tensor: str | None) -> OverlapCounts:
    if tensor is None:
        return pair.total
    return OverlapCounts.total([counts for name, counts in pair.by_tensor.items() if belongs(name, tensor)])


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else math.nan
