"""The record of a study of single networks and masks on them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from maskscope.engine.quantities import TRAINED
from maskscope.engine.records.record import Record
from maskscope.masks import OverlapCounts
from maskscope.procedure.floors import floors_by_place
from maskscope.procedure.plans import Checkpoint
from maskscope.procedure.result import NetworkResult, PairResult
from maskscope.tasks import Scores

More = TypeVar("More")


@dataclass(frozen=True)
class EvaluationPart:
    """A set of items that accuracy is measured on.

    Args:
        name: of the function.
        items: in it.
        judged: of these, how many accuracy is over.
        seen: how many of all the network was trained on.
        judged_unseen: how many of those that accuracy is over it was not trained on.
    """

    name: str
    items: int
    judged: int
    seen: int
    judged_unseen: int


@dataclass(frozen=True)
class ControlNote:
    """A control as a record names it.

    Args:
        name: of the variant.
        words: what it is.
        short: the same in two words.
        null: whether nothing should be found there.
        whole_procedure: whether all masks and repeats were sought there, and not one mask for each function.
    """

    name: str
    words: str
    short: str
    null: bool
    whole_procedure: bool


@dataclass(frozen=True, kw_only=True)
class MaskRecord(Record, Generic[More]):
    """A study of single networks and masks on them.

    Args:
        networks: results, trained networks first, then each control.
        mask_targets: names of the masks beside the full one, where they are not those of the functions.
        evaluated_on: where tests are sets of items, what they are; else none.
        controls: that were run.
        checkpoints: labels of the earlier states of the trained network, in order, where it is the last of a series.
    """

    networks: tuple[NetworkResult[More], ...]
    mask_targets: tuple[str, ...] = ()
    evaluated_on: tuple[EvaluationPart, ...] = ()
    controls: tuple[ControlNote, ...] = ()
    checkpoints: tuple[str, ...] = ()

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the masks beside the full one."""
        return self.mask_targets or self.functions

    @property
    def variants(self) -> dict[str, str]:
        """The trained network, its earlier states and the controls in words, by name."""
        earlier = {Checkpoint(place, label).name: f"Checkpoint {label}" for place, label in enumerate(self.checkpoints)}
        return super().variants | earlier | {control.name: control.words for control in self.controls}

    @property
    def own_functions(self) -> dict[str, str]:
        """The function that a mask is for, where it has another name."""
        return {mask.function: mask.judged_by for network in self.networks for mask in network.masks if mask.judged_by}

    @property
    def sample_size(self) -> int:
        """How many trained networks there are."""
        return sum(network.variant == TRAINED for network in self.networks)

    @property
    def size(self) -> int:
        """Weights of a network that a mask is over."""
        return sum(part.weights for part in self.networks[0].masks[0].by_tensor.values())

    @property
    def completed(self) -> "MaskRecord[More]":
        """With the density floors of pairs by place, which format 1 lacks."""
        return replace(self, networks=with_floors(self.networks))

    @property
    def faults(self) -> list[str]:
        """What does not fit together in it, each in a line."""
        found = super().faults
        if not any(network.variant == TRAINED for network in self.networks):
            found.append("networks: at least one that was trained was expected")
        for network in self.networks:
            found += _faults(network)
        answers = {_answers(scores) for network in self.networks for scores in _scores(network)}
        if len(answers - {()}) > 1:
            found.append("networks: confusion between the same answers, on every network and under every mask, was expected")
        return found


def with_floors(networks: Iterable[NetworkResult[More]]) -> tuple[NetworkResult[More], ...]:
    """Networks whose pairs of masks have their floors by place; those that have them already keep them."""
    return tuple(replace(network, pairs=tuple(_completed(pair) for pair in network.pairs)) for network in networks)


def _completed(pair: PairResult) -> PairResult:
    return pair if pair.floors else replace(pair, floors=floors_by_place(pair.by_tensor))


def _scores(network: NetworkResult[More]) -> Iterator[Scores]:
    yield network.unmasked
    for mask in network.masks:
        yield from (mask.sufficiency, mask.necessity)


def _faults(network: NetworkResult[More]) -> Iterator[str]:
    where = f"networks: seed {network.seed}, {network.variant}"
    functions = set(network.unmasked.accuracy)
    for mask in network.masks:
        kept = [*mask.by_tensor.values()]
        if not sum(part.weights for part in kept) or any(not 0 <= part.kept <= part.weights for part in kept):
            yield f"{where}: mask {mask.label}: weights kept, of as many or more, were expected"
        if set(mask.sufficiency.accuracy) != functions or set(mask.necessity.accuracy) != functions:
            yield f"{where}: mask {mask.label}: scores of {', '.join(sorted(functions)) or 'functions'} were expected"
    for pair in network.pairs:
        if not all(_can_be(counts) for counts in pair.by_tensor.values()):
            names = f"{pair.first[0]}, {pair.second[0]}"
            yield f"{where}: pair {names}: weights kept by both, of as many or more by each, of all, were expected"


def _can_be(counts: OverlapCounts) -> bool:
    """Floors are drawn from these counts; numpy draws from tensors of less than 10^9 weights."""
    return 0 <= counts.both <= min(counts.first, counts.second) and max(counts.first, counts.second) <= counts.weights < 10**9


def _answers(scores: Scores) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Between which answers confusion was counted; nothing where it was not."""
    return tuple((true, tuple(sorted(given))) for true, given in sorted(scores.confusion.items()))
