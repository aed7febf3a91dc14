"""The tables of what masks have in common: on its scale, by tensor, against unrelated functions, and the stable core."""

import math
from collections.abc import Callable, Sequence

from maskscope.procedure.result import CoreResult, MaskResult, NetworkResult, Record
from maskscope.procedure.stages import Variant
from maskscope.report.across import (
    VARIANTS,
    function_pairs,
    mask_of,
    networks,
    over_networks,
    overlap,
    overlap_floor,
    tensor_names,
    whole_procedures,
)
from maskscope.report.numbers import Number, Points, count_text
from maskscope.report.scale import family, nulls, scales, sharing_pairs
from maskscope.report.table import Cell, Row, Table, columns


def sharing_tables(record: Record, variants: Sequence[Variant] = tuple(VARIANTS)) -> list[Table]:
    """For each pair of functions, its overlap beside the floor, both ceilings, normalised sharing and, with a null, p.

    Args:
        record: with the numbers.
        variants: of the network; a group for each that has pairs of masks.
    """
    pairs = sharing_pairs(record)
    return [
        _sharing_table(record, pair, "sharing" if len(pairs) == 1 else f"sharing-{place + 1}", variants)
        for place, pair in enumerate(pairs)
    ]


def _sharing_table(record: Record, pair: tuple[str, str], name: str, variants: Sequence[Variant]) -> Table:
    found = nulls(record, pair) if "trained" in variants else []
    rows = []
    for variant in variants:
        for place, scale in enumerate(scales(record, pair, variant)):
            numbers = (scale.dice, scale.floor, *scale.ceilings, scale.normalised, scale.iou)
            cells: list[Cell] = [scale.weights, *(Number(one, "ratio") for one in numbers)]
            if found:
                # the test is of whole masks, on trained networks
                tested = variant == "trained" and place == 0
                cells.append(Points((max(null.p_holm for null in found),), "ratio") if tested else "")
            rows.append(Row(VARIANTS[variant], tuple(cells)))
    ceilings = [f"ceiling {function}" for function in pair]
    titles = ["over", "found, Dice", "floor", *ceilings, "normalised sharing", "as IoU"]
    title = f"Overlap of {pair[0]} and {pair[1]}, beside what density alone gives and what two masks for one function share"
    if found:
        titles.append("p (highest)")
        title += f"; p after Holm over {count_text(family(record), 'test')}"
    return Table(name, title, columns(*titles), tuple(rows))


def overlap_table(record: Record, variant: Variant = "trained") -> Table:
    """IoU, IoMin and Dice of the masks of each pair of functions, by tensor, with the floor that density gives."""
    rows = []
    for pair in sorted(function_pairs(record), key=lambda pair: pair[0] == pair[1]):
        for tensor in (*tensor_names(record), None):
            measured = [overlap(record, pair, tensor, measure, variant=variant) for measure in ("iou", "iomin", "dice")]
            measured.append(overlap_floor(record, pair, tensor, "dice", variant=variant))
            rows.append(Row(pair_label(pair), (tensor or "all tensors", *(Number(one, "ratio") for one in measured))))
    trained = variant == "trained"
    title = "Overlap of masks by tensor" + ("" if trained else f", {VARIANTS[variant].lower()}")
    return Table(
        "overlap" if trained else f"overlap-{variant}",
        f"{title}: mean ± sample standard deviation over networks",
        columns("tensor", "IoU", "IoMin", "Dice", "Dice floor"),
        tuple(rows),
    )


def null_table(record: Record) -> Table:
    """For each network: the overlap that was found, among overlaps with unrelated functions on networks trained for that."""
    rows = []
    for pair in sharing_pairs(record):
        for null in nulls(record, pair):
            found = sorted(null.test.null)
            numbers = (null.test.observed, found[0], sum(found) / len(found), found[-1], null.test.p, null.p_holm)
            able = sum(null.accuracy) / len(null.accuracy) if null.accuracy else math.nan
            cells: list[Cell] = [f"seed {null.seed}", *(Points((number,), "ratio") for number in numbers), len(found)]
            rows.append(Row(pair_label(pair), (*cells, Points((able,), "percent"))))
    titles = ("network", "found, Dice", "lowest unrelated", "mean", "highest", "p", "p, Holm", "unrelated", "their accuracy (%)")
    title = f"Overlap against unrelated functions; Holm over {count_text(family(record), 'test')}, the pairs of one network"
    return Table("null", title, columns(*titles), tuple(rows))


def core_table(record: Record) -> Table:
    """The weights that most repeats of a function keep, beside what independent masks of those sizes would have in common "
    "so."""
    rows = [
        _core_row(record, variant, function)
        for variant in whole_procedures(record)
        for function in dict.fromkeys((*record.functions, *record.masks))
        if any(_core(network, function) for network in networks(record, variant=variant))
    ]
    titles = ("function", "kept by", "stable core", "by chance", "one mask keeps", "core of one mask")
    title = "Stable core (% of all maskable weights), beside what independent masks of those sizes would have in common"
    return Table("core", title, columns(*titles), tuple(rows))


def _core_row(record: Record, variant: Variant, function: str) -> Row:
    cores = [core for network in networks(record, variant=variant) if (core := _core(network, function))]
    needed = "; ".join(dict.fromkeys(f"at least {core.needed} of {core.repeats} masks" for core in cores))

    def number(value: Callable[[CoreResult, MaskResult], float]) -> Number:
        def of_network(network: NetworkResult) -> float:
            core, mask = _core(network, function), mask_of(network, function)
            return value(core, mask) if core and mask else math.nan

        return Number(over_networks(record, of_network, variant=variant), "percent")

    numbers = (
        number(lambda core, _: core.share),
        number(lambda core, _: core.share_by_chance),
        number(lambda _, mask: mask.density),
        number(lambda core, mask: core.share / mask.density if mask.density else math.nan),
    )
    return Row(VARIANTS[variant], (function, needed, *numbers))


def _core(network: NetworkResult, function: str) -> CoreResult | None:
    return next((core for core in network.cores if core.function == function), None)


def pair_label(pair: Sequence[str]) -> str:
    """A pair of functions in words."""
    return f"{pair[0]}, repeated: the ceiling" if pair[0] == pair[1] else f"{pair[0]} and {pair[1]}"
