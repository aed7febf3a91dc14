"""How alike two masks for the same classes are, beside masks for different ones: the table of mask stability."""

import math
from typing import Any

from maskscope.analysis import Summary
from maskscope.procedure.record import MaskRecord
from maskscope.procedure.result import NetworkResult
from maskscope.report.numbers import Number
from maskscope.report.over_networks import function_pairs, over_networks, overlap, overlap_floor
from maskscope.report.table import Row, Table, columns

SAME, DIFFERENT, BEYOND = (
    "iou of repeats, mean",
    "iou of different functions, mean",
    "iou of repeats beyond different functions",
)

# groups of the table
SAME_PAIR, MEANS = "Two masks for the same pair of classes", "Means over pairs"


def stability_table(record: MaskRecord[Any]) -> Table:
    """IoU of two masks for one pair of classes and of masks for different pairs, with the floor that density gives.

    Source: the numbers of the authors' `plot_mask_iou`; different pairs and floors are ours.
    """
    rows = []
    for first, second in sorted(function_pairs(record), key=lambda pair: pair[0] != pair[1]):
        pair, same = (first, second), first == second
        found = (
            overlap(record, pair, None, "iou"),
            overlap_floor(record, pair, None, "iou"),
            overlap(record, pair, None, "dice"),
        )
        group = SAME_PAIR if same else "Masks for different pairs of classes"
        rows.append(Row(group, (first if same else f"{first}, {second}", *(Number(one, "ratio") for one in found))))
    for label, measure in (("same pair", SAME), ("different pairs", DIFFERENT), ("difference", BEYOND)):
        one = record.quantity(measure)
        if one:
            floor = "" if measure == BEYOND else Number(mean_floor(record, same=measure == SAME), "ratio")
            rows.append(Row(MEANS, (label, Number(one.summary, "ratio"), floor, "")))
    title = "Overlap of whole masks: mean ± sample standard deviation over networks"
    return Table("stability", title, columns("masks", "IoU", "IoU floor", "Dice"), tuple(rows))


def mean_floor(record: MaskRecord[Any], *, same: bool) -> Summary:
    """The IoU that sizes alone give, as mean over the pairs of masks for the same classes, or for different ones."""

    def floor(network: NetworkResult[Any]) -> float:
        found = [pair.floor.iou for pair in network.pairs if (pair.first[0] == pair.second[0]) == same]
        return sum(found) / len(found) if found else math.nan

    return over_networks(record, floor)
