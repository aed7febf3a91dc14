"""Numbers of one network of a mask-stability study."""

from collections.abc import Mapping
from typing import Any

from maskscope.engine.quantities import Numbers, Unit
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.units import by_measure

UNITS: Mapping[str, Unit] = by_measure(
    {
        "share": ("mean accuracy",),
        "ratio": ("iou of repeats, mean", "iou of different functions, mean"),
        "difference of ratios": ("iou of repeats beyond different functions",),
    }
)


def stability_numbers(network: NetworkResult[Any]) -> Numbers:
    """How much more two masks for the same classes overlap than masks for different ones; empty without repeats of several.

    Overlap is the IoU of whole masks: the sum over tensors of what both keep, over that of what one keeps.

    Source: the authors' `cifar10_mask_stability`. The masks for different pairs of classes are ours.
    """
    repeats = [pair.total.iou for pair in network.pairs if pair.first[0] == pair.second[0]]
    others = [pair.total.iou for pair in network.pairs if pair.first[0] != pair.second[0]]
    if not repeats or not others:
        return {}
    same, different = sum(repeats) / len(repeats), sum(others) / len(others)
    before = network.unmasked.accuracy
    return {
        ("iou of repeats, mean", "", ""): same,
        ("iou of different functions, mean", "", ""): different,
        ("iou of repeats beyond different functions", "", ""): same - different,
        ("mean accuracy", "", ""): sum(before.values()) / len(before),
    }
