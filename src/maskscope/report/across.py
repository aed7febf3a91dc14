"""What a record's networks say together: one number a network, then mean, spread and interval over networks."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Literal

from maskscope.analysis import Floor, Summary, density_floor, summarise
from maskscope.experiments.record import MaskResult, NetworkResult, PairResult, Record
from maskscope.experiments.stages import Variant
from maskscope.masks import OverlapCounts
from maskscope.report.numbers import brief
from maskscope.tasks import Scores, Task

Measure = Literal["iou", "iomin", "dice"]
WHOLE = Task.whole


# with more functions, or pairs of them, a figure is a heat map
_MOST_FUNCTIONS, _MOST_PAIRS = 4, 6


def few(functions: Sequence[str]) -> bool:
    """Whether each function can have a colour of its own."""
    return len(functions) <= _MOST_FUNCTIONS


def few_pairs(record: Record) -> bool:
    """Whether each pair of different functions can have a panel of its own."""
    return sum(first != second for first, second in function_pairs(record)) <= _MOST_PAIRS


def networks(record: Record, *, variant: Variant = "trained") -> list[NetworkResult]:
    """The trained networks, or those of a control."""
    return [network for network in record.networks if network.variant == variant]


def over_networks(record: Record, value: Callable[[NetworkResult], float], *, variant: Variant = "trained") -> Summary:
    """One number a network, summarised."""
    return summarise([value(network) for network in networks(record, variant=variant)])


def has_untrained(record: Record) -> bool:
    """Whether the record holds the untrained control."""
    return bool(networks(record, variant="untrained"))


def mask_names(record: Record) -> list[str]:
    """The full mask if there is one, then the functions that have a mask."""
    found = {mask.function for network in networks(record) for mask in network.masks}
    return [name for name in (WHOLE, *record.functions) if name in found]


def mask_label(name: str) -> str:
    """A mask in words."""
    return "full mask" if name == WHOLE else f"mask {name}"


def mask_title(name: str, *, without: bool = False) -> str:
    """A mask, or what is left without it, as the title of a panel."""
    words = f"without {mask_label(name)}" if without else mask_label(name)
    return brief(words[0].upper() + words[1:], 26)


def mask_of(network: NetworkResult, name: str) -> MaskResult | None:
    """The first mask (repeat 0) of that function on a network."""
    return next((mask for mask in network.masks if mask.function == name and mask.repeat == 0), None)


def tensor_names(record: Record) -> list[str]:
    """The dotted names of the maskable tensors, in the network's order."""
    masks = [mask for network in networks(record) for mask in network.masks]
    return list(dict.fromkeys(name for mask in masks for name in mask.by_tensor))


def short_names(tensors: Sequence[str | None]) -> list[str]:
    """Names for a figure: without the ``.weight`` that all end in; None is all tensors."""
    ending = ".weight" if all(name is None or name.endswith(".weight") for name in tensors) else ""
    return ["all tensors" if name is None else brief(name.removesuffix(ending)) for name in tensors]


def maskable(record: Record, tensor: str | None) -> int:
    """Weights that could be kept, in one tensor or (None) in all."""
    masks = [mask for network in networks(record) for mask in network.masks]
    if not masks:
        return 0
    return sum(part.weights for name, part in masks[0].by_tensor.items() if tensor in (None, name))


def kept_share(record: Record, name: str, tensor: str | None) -> Summary:
    """Share of weights that a mask keeps in one tensor, or (None) in all."""

    def share(network: NetworkResult) -> float:
        mask = mask_of(network, name)
        parts = [part for key, part in mask.by_tensor.items() if tensor in (None, key)] if mask else []
        weights = sum(part.weights for part in parts)
        return sum(part.kept for part in parts) / weights if weights else math.nan

    return over_networks(record, share)


def confusion(record: Record, name: str | None, *, inverse: bool) -> dict[str, dict[str, Summary]]:
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


def histogram(record: Record, name: str) -> list[float]:
    """Weights by keep probability, in equal bins of [0, 1]: the mean over networks."""
    counts = [mask.histogram for network in networks(record) if (mask := mask_of(network, name))]
    return [sum(column) / len(counts) for column in zip(*counts, strict=True)] if counts else []


def function_pairs(record: Record) -> list[tuple[str, str]]:
    """The pairs of functions whose masks were compared, the pairs of a function with itself included."""
    found = {frozenset((pair.first[0], pair.second[0])) for network in networks(record) for pair in network.pairs}
    return [pair for pair in combinations_with_replacement(record.functions, 2) if frozenset(pair) in found]


def overlap(record: Record, pair: tuple[str, str], tensor: str | None, measure: Measure) -> Summary:
    """Overlap of the masks of two functions in one tensor, or (None) over all as a ratio of sums.

    A network's number is the mean over all its pairs of masks of the two functions; undefined if one of them is.
    """
    return over_networks(record, lambda network: _mean(getattr(_counts(one, tensor), measure) for one in _pairs(network, pair)))


def overlap_floor(record: Record, pair: tuple[str, str], tensor: str | None, measure: Measure) -> Summary:
    """The overlap that the sizes of those masks give by themselves, over all maskable weights."""

    def floor(one: PairResult) -> float:
        whole = one.floor if tensor is None else _floor(one.by_tensor[tensor])
        return float(getattr(whole, measure))

    return over_networks(record, lambda network: _mean(floor(one) for one in _pairs(network, pair)))


def _scores(record: Record, name: str | None, inverse: bool) -> list[Scores]:
    found = networks(record)
    if name is None:
        return [network.unmasked for network in found]
    masks = [mask for network in found if (mask := mask_of(network, name))]
    return [mask.necessity if inverse else mask.sufficiency for mask in masks]


def _pairs(network: NetworkResult, pair: tuple[str, str]) -> list[PairResult]:
    return [one for one in network.pairs if {one.first[0], one.second[0]} == set(pair)]


def _counts(pair: PairResult, tensor: str | None) -> OverlapCounts:
    return pair.total if tensor is None else pair.by_tensor[tensor]


@lru_cache(maxsize=4096)
def _floor(counts: OverlapCounts) -> Floor:
    return density_floor([counts], seed=0)


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else math.nan
