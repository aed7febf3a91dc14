"""The stable core: the weights that most repeats of a function keep."""

import math
from collections.abc import Callable
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.procedure.result import CoreResult, MaskResult, NetworkResult
from maskscope.report.numbers import Number
from maskscope.report.over_networks import networks, over_networks, whole_procedures
from maskscope.report.section import Section
from maskscope.report.table import Row, Table, columns


def core_section(record: MaskRecord[Any]) -> Section | None:
    """The stable core; None with too few repeats."""
    table = core_table(record)
    if not table.rows:
        return None
    return Section(
        "core",
        "Stable core",
        (
            "A single mask holds weights that another run would not have taken. The stable core of a function is what most "
            "of its repeats keep. It means something as far as it is larger than what independent masks of those sizes "
            "would have in common.",
        ),
        tables=(table,),
        terminal=(table,),
    )


def core_table(record: MaskRecord[Any]) -> Table:
    """The weights that most repeats of a function keep, beside what independent masks of those sizes would share."""
    rows = [
        _core_row(record, variant, function)
        for variant in whole_procedures(record)
        for function in dict.fromkeys((*record.functions, *record.masks))
        if any(_core(network, function) for network in networks(record, variant=variant))
    ]
    titles = ("function", "kept by", "stable core", "by chance", "one mask keeps", "core of one mask")
    title = "Stable core (% of all maskable weights), beside what independent masks of those sizes would have in common"
    return Table("core", title, columns(*titles), tuple(rows))


def _core_row(record: MaskRecord[Any], variant: str, function: str) -> Row:
    cores = [core for network in networks(record, variant=variant) if (core := _core(network, function))]
    needed = "; ".join(dict.fromkeys(f"at least {core.needed} of {core.repeats} masks" for core in cores))

    def number(value: Callable[[CoreResult, MaskResult], float]) -> Number:
        def of_network(network: NetworkResult[Any]) -> float:
            core, mask = _core(network, function), network.mask(function)
            return value(core, mask) if core and mask else math.nan

        return Number(over_networks(record, of_network, variant=variant), "percent")

    numbers = (
        number(lambda core, _: core.share),
        number(lambda core, _: core.share_by_chance),
        number(lambda _, mask: mask.density),
        number(lambda core, mask: core.share / mask.density if mask.density else math.nan),
    )
    return Row(record.variants[variant], (function, needed, *numbers))


def _core(network: NetworkResult[Any], function: str) -> CoreResult | None:
    return next((core for core in network.cores if core.function == function), None)
