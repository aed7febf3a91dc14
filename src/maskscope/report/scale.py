"""Overlap on its scale: what was found, between what sizes alone give and what two masks for one function have in common."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maskscope.analysis import NullTest, Sharing, Summary
from maskscope.masks import iou_from_dice
from maskscope.procedure.numbers import P_HOLM, P_VALUE, SHARING
from maskscope.procedure.record import MaskRecord
from maskscope.procedure.result import NetworkResult, SharingResult
from maskscope.report.over_networks import networks, over_networks

# the measure of normalised sharing, and the weights that it is over
WEIGHTS = {
    "normalised sharing": "all weights",
    "normalised sharing among used": "weights in use",
    "normalised sharing of hidden": "hidden weights",
}


@dataclass(frozen=True)
class Scale:
    """The overlap of two functions over some of the weights, each number over networks.

    Args:
        weights: which ones, in words.
        dice: mean Dice over all cross pairs of masks.
        iou: the same as IoU, D / (2 - D), for display.
        floor: what the sizes of those masks give.
        ceilings: of the first and of the second function.
        normalised: 0 at the floor, 1 at the ceiling; undefined on all networks where a ceiling does not exceed its floor.
    """

    weights: str
    dice: Summary
    iou: Summary
    floor: Summary
    ceilings: tuple[Summary, Summary]
    normalised: Summary


@dataclass(frozen=True)
class Null:
    """The null of unrelated functions of one network, with the p-value corrected for the network's family of tests.

    Args:
        seed: of the network.
        test: its overlap among those on networks that were trained on an arbitrary function in place of the last one.
        accuracy: how well each of these does its arbitrary function.
        p_holm: p after Holm's correction.
    """

    seed: int
    test: NullTest
    accuracy: tuple[float, ...]
    p_holm: float


def sharing_pairs(record: MaskRecord[Any]) -> list[tuple[str, str]]:
    """The pairs of functions, in the record's order."""
    return list(dict.fromkeys(shared.functions for network in networks(record) for shared in network.sharing))


def scales(record: MaskRecord[Any], pair: tuple[str, str], variant: str) -> list[Scale]:
    """The scales of a pair of functions: over all weights, among those in use, and over hidden ones if they are apart."""
    found = []
    for measure, key in SHARING.items():
        quantity = record.quantity(measure, ", ".join(pair), variant=variant)
        if quantity is None:
            continue
        numbers = {
            name: over_networks(record, _of_pair(pair, key, value), variant=variant)
            for name, value in {
                "dice": lambda one: one.between,
                "iou": lambda one: iou_from_dice(one.between),
                "floor": lambda one: one.floor_between,
                "first": lambda one: one.within_first,
                "second": lambda one: one.within_second,
            }.items()
        }
        ceilings = (numbers["first"], numbers["second"])
        weights = WEIGHTS[measure]
        found.append(Scale(weights, numbers["dice"], numbers["iou"], numbers["floor"], ceilings, quantity.summary))
    return found


def nulls(record: MaskRecord[Any], pair: tuple[str, str]) -> list[Null]:
    """The null of unrelated functions of each trained network that has one."""
    holm = record.quantity(P_HOLM, ", ".join(pair))
    adjusted = holm.summary.values if holm else ()
    found = []
    for place, network in enumerate(networks(record)):
        shared = _shared(network, pair)
        if shared is not None and shared.null is not None:
            p_holm = adjusted[place] if place < len(adjusted) else math.nan
            found.append(Null(network.seed, shared.null, shared.null_accuracy, p_holm))
    return found


def family(record: MaskRecord[Any]) -> int:
    """How many tests Holm's correction is over: every pair of functions of one network that has a null."""
    return sum(quantity.measure == P_VALUE for quantity in record.quantities)


def _of_pair(pair: tuple[str, str], key: str, value: Callable[[Sharing], float]) -> Callable[[NetworkResult[Any]], float]:
    def of_network(network: NetworkResult[Any]) -> float:
        shared = _shared(network, pair)
        sharing = getattr(shared, key) if shared else None
        return math.nan if sharing is None else value(sharing)

    return of_network


def _shared(network: NetworkResult[Any], pair: tuple[str, str]) -> SharingResult | None:
    return next((shared for shared in network.sharing if shared.functions == pair), None)
