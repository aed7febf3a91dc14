"""How alike two masks for the same classes are: the study of mask stability in words, and its table."""

import math

from maskscope.analysis import Summary
from maskscope.procedure.result import NetworkResult, Record
from maskscope.report.across import function_pairs, over_networks, overlap, overlap_floor, paired_names
from maskscope.report.class_values import images
from maskscope.report.kinds import sample_size
from maskscope.report.numbers import Number, count_text, mean_text
from maskscope.report.table import Row, Table, columns
from maskscope.report.tile import Tile, tile_of

SAME, DIFFERENT, BEYOND = (
    "iou of repeats, mean",
    "iou of different functions, mean",
    "iou of repeats beyond different functions",
)

# groups of the table
SAME_PAIR, MEANS = "Two masks for the same pair of classes", "Means over pairs"


def question(record: Record) -> str:
    """What was asked, in a paragraph."""
    repeats = int(record.spec.get("repeats", 1)) + 1
    return (
        f"How alike are two masks for the same pair of classes? {count_text(sample_size(record), 'network').capitalize()}, "
        f"trained to tell the {len(record.functions)} classes of {images(record)} apart. For each of "
        f"{count_text(len(paired_names(record)), 'pair')} of classes {repeats} masks were found with the images of these two "
        "alone, with other noise and other data order. If a mask says something about the network, and not about how it was "
        "found, they have much in common, and more than masks for different pairs have."
    )


def sentences(record: Record) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    same, different, beyond = (record.quantity(measure) for measure in (SAME, DIFFERENT, BEYOND))
    if not (same and different and beyond):
        return []
    return [
        f"Two masks for the same pair of classes overlap by {mean_text(same.summary, 'ratio')} (IoU), masks for different pairs "
        f"by {mean_text(different.summary, 'ratio')}: a difference of {mean_text(beyond.summary, 'ratio')}."
    ]


def tiles(record: Record) -> list[Tile]:
    """The key numbers."""
    accuracy, same, different, beyond = (record.quantity(measure) for measure in ("mean accuracy", SAME, DIFFERENT, BEYOND))
    density = [(mask, record.quantity("density", mask)) for mask in record.masks]
    return [
        tile_of("Mean accuracy of the network", [("no mask", accuracy.summary)] if accuracy else [], "percent"),
        tile_of("IoU of two masks, same pair", [("mean over pairs", same.summary)] if same else [], "ratio"),
        tile_of("IoU, different pairs", [("mean over pairs", different.summary)] if different else [], "ratio"),
        tile_of("Difference", [("on each network", beyond.summary)] if beyond else [], "ratio"),
        tile_of("Weights kept by the mask", [(mask, one.summary) for mask, one in density if one], "percent"),
    ]


def stability_rows(record: Record) -> list[tuple[str, Summary | None, Summary | None, Summary | None]]:
    """Of the repeats of each pair of classes, then of masks for different ones: IoU, its floor, and Dice."""
    rows: list[tuple[str, Summary | None, Summary | None, Summary | None]] = []
    for pair in sorted(function_pairs(record), key=lambda pair: pair[0] != pair[1]):
        name = pair[0] if pair[0] == pair[1] else f"{pair[0]}, {pair[1]}"
        found = (
            overlap(record, pair, None, "iou"),
            overlap_floor(record, pair, None, "iou"),
            overlap(record, pair, None, "dice"),
        )
        rows.append((name, *found))
    return rows


def mean_floor(record: Record, *, same: bool) -> Summary:
    """The IoU that sizes alone give, as mean over the pairs of masks for the same classes, or for different ones."""

    def floor(network: NetworkResult) -> float:
        found = [pair.floor.iou for pair in network.pairs if (pair.first[0] == pair.second[0]) == same]
        return sum(found) / len(found) if found else math.nan

    return over_networks(record, floor)


def stability_table(record: Record) -> Table:
    """IoU of two masks for one pair of classes and of masks for different pairs, with the floor that density gives.

    Source: the numbers of the authors' `plot_mask_iou`; different pairs and floors are ours.
    """
    names = set(paired_names(record))
    rows = [
        Row(
            SAME_PAIR if name in names else "Masks for different pairs of classes",
            (name, *(Number(one, "ratio") if one else None for one in numbers)),
        )
        for name, *numbers in stability_rows(record)
    ]
    for label, measure in (("same pair", SAME), ("different pairs", DIFFERENT), ("difference", BEYOND)):
        one = record.quantity(measure)
        if one:
            floor = "" if measure == BEYOND else Number(mean_floor(record, same=measure == SAME), "ratio")
            rows.append(Row(MEANS, (label, Number(one.summary, "ratio"), floor, "")))
    title = "Overlap of whole masks: mean ± sample standard deviation over networks"
    return Table("stability", title, columns("masks", "IoU", "IoU floor", "Dice"), tuple(rows))
