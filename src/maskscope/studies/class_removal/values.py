"""What networks say together about classes: what each owns, and whose answers change without it. One number a network."""

import math
from typing import Any

from maskscope.analysis import GradientCosine, Summary, summarise
from maskscope.procedure.floors import belongs
from maskscope.procedure.record import MaskRecord
from maskscope.procedure.result import NetworkResult, share_kept
from maskscope.report.over_networks import WHOLE, Measure, networks, over_networks, over_pairs
from maskscope.studies.class_removal.result import Owned, removal_of


def removed(record: MaskRecord[Any]) -> list[tuple[str, str]]:
    """The removed classes in the record's order, each with the name of the mask found without it."""
    found = {own.function: own.mask for network in networks(record) for own in removal_of(network).owned}
    return [(name, found[name]) for name in record.functions if name in found]


def accuracy_of_others(record: MaskRecord[Any], function: str, mask: str) -> Summary:
    """Mean accuracy of all classes but one, under a mask."""

    def others(network: NetworkResult[Any]) -> float:
        found = network.mask(mask)
        rest = [share for name, share in found.sufficiency.accuracy.items() if name != function] if found else []
        return sum(rest) / len(rest) if rest else math.nan

    return over_networks(record, others)


def owned_share(record: MaskRecord[Any], function: str, tensor: str | None) -> Summary:
    """Of the weights of the full mask in one tensor or group of tensors, or (None) in all, the share that a class owns."""

    def share(network: NetworkResult[Any]) -> float:
        own = _owned(network, function)
        return share_kept(part for name, part in own.by_tensor.items() if belongs(name, tensor)) if own else math.nan

    return over_networks(record, share)


def confusion_difference(record: MaskRecord[Any], mask: str) -> dict[str, dict[str, Summary]]:
    """How shares of answers under a mask differ from those under the full mask: by true class and by whose answer was given.

    The difference is taken on each network. Empty where the task has no confusion.

    Source: D_c of the authors' code, here not in percent.
    """
    pieces = []
    for network in networks(record):
        here, full = network.mask(mask), network.mask(WHOLE)
        if here is None or full is None or not here.sufficiency.confusion or not full.sufficiency.confusion:
            return {}
        pieces.append((here.sufficiency.confusion, full.sufficiency.confusion))
    if not pieces:
        return {}
    # the record holds percent
    return {
        true: {
            answer: summarise([(here[true][answer] - full[true][answer]) / 100 for here, full in pieces]) for answer in answers
        }
        for true, answers in pieces[0][0].items()
    }


def floor_in_use(record: MaskRecord[Any], pair: tuple[str, str], measure: Measure) -> Summary:
    """The overlap that sizes alone give inside the weights in use; for what classes own, inside the full mask."""
    return over_pairs(record, pair, lambda one: float(getattr(one.floor_used, measure)))


def cosine_steps(record: MaskRecord[Any]) -> list[tuple[str, ...]]:
    """The tensors that the mask is applied to, from none on; empty where gradients were not compared."""
    return next(
        ([one.masked for one in removal_of(network).cosines] for network in networks(record) if removal_of(network).cosines), []
    )


def cosine(record: MaskRecord[Any], step: int, tensor: str | None) -> Summary:
    """The cosine of the gradient at one step and the unmasked network's, of one tensor or (None) of all."""

    def value(network: NetworkResult[Any]) -> float:
        if step >= len(removal_of(network).cosines):
            return math.nan
        one: GradientCosine = removal_of(network).cosines[step]
        return one.total if tensor is None else one.by_tensor.get(tensor, math.nan)

    return over_networks(record, value)


def _owned(network: NetworkResult[Any], function: str) -> Owned | None:
    return next((own for own in removal_of(network).owned if own.function == function), None)
