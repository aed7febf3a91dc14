"""Transfer on the page: what one function's private part brings in the place of another's, as a table and a figure."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from maskscope.analysis import MIN_PRIVATE, Summary, Transfer
from maskscope.engine.quantities import TRAINED
from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import LEAST, WIDTH, Bar, bars_height, colour_of, draw_bars, draw_legend
from maskscope.report.drawing.grids import heat_panel
from maskscope.report.drawing.panel import INK, MUTED, Axes, Panel
from maskscope.report.numbers import Number, number_of, summary_of
from maskscope.report.over_networks import few, over_networks
from maskscope.report.section import Figure, Section, short_or_folded
from maskscope.report.table import Row, Table, columns
from maskscope.studies.own.transfers import BY_CHANCE, TRANSFER, mean_transfer

_BOUND, _WHOLE = 50.0, 100.0
# the name of a row, the transfer, what random weights bring, and a colour
_Bar = tuple[str, Summary | None, Summary | None, str]


def transfer_section(record: MaskRecord[Any]) -> Section | None:
    """What private parts bring in each other's place; None where that was not measured."""
    table = _table(record)
    if not table.rows:
        return None
    shown, folded = short_or_folded(table)
    return Section(
        "transfer",
        "Transfer: are the parts interchangeable?",
        (
            "Different weights may do the same: two masks can hold two copies of one mechanism. So what one mask has for itself "
            "(its private part) is put in the place of what another function's mask has for itself, beside the weights that "
            "both have. Transfer is what it brings there, as a share of what the function's own private part brings: 100 %: it "
            "serves as well as the function's own; 0 %: it brings nothing; below 0: it is in the way.",
            "The floor is what as many random weights from outside the function's mask bring; transfer tells something as far "
            "as it is above that. Where a function has several "
            "masks, the private part of another mask for the same function is the ceiling. Transfer is undefined where a "
            f"private part is needed for less than {MIN_PRIVATE:.0%} of what its mask does: there is nothing to replace. Weights "
            "are taken as they are wired: a part that reads other inputs, or writes other outputs, brings nothing even if it "
            "computes the same.",
        ),
        figures=(Figure("transfer", lambda: _panels(record)),),
        tables=shown,
        folded=folded,
        terminal=(table.only(record.variants[TRAINED]),),
        short="Transfer",
    )


def _addresses(record: MaskRecord[Any], variant: str) -> list[tuple[str, str]]:
    """Whose private part is taken, and the function that it is to serve: those of one function last."""
    found = [(one.mask, one.function) for one in record.quantities if (one.measure, one.variant) == (TRANSFER, variant)]
    return sorted(found, key=lambda pair: pair[0] == pair[1])


def _table(record: MaskRecord[Any]) -> Table:
    rows = [_row(record, variant, *address) for variant in record.variants for address in _addresses(record, variant)]
    titles = ("private part", "function", "own mask", "shared alone", "with that part", "with random", "transfer", "floor")
    title = "Score of a function under its own mask, under what both masks share, and with the other's private part beside that"
    return Table("transfer", title, columns(*titles), tuple(rows))


def _row(record: MaskRecord[Any], variant: str, giver: str, receiver: str) -> Row:
    def score(of: Callable[[Transfer], float]) -> Number:
        def of_network(network: Any) -> float:
            scores = mean_transfer(network, giver, receiver)
            return of(scores) if scores else math.nan

        return Number(over_networks(record, of_network, variant=variant), "percent")

    numbers = (
        score(lambda one: one.own),
        score(lambda one: one.shared),
        score(lambda one: one.transferred),
        score(lambda one: sum(one.random) / len(one.random) if one.random else math.nan),
        number_of(record.quantity(TRANSFER, giver, receiver, variant=variant)),
        number_of(record.quantity(BY_CHANCE, giver, receiver, variant=variant)),
    )
    return Row(record.variants[variant], (_part(giver, receiver), receiver, *numbers))


def _part(giver: str, receiver: str) -> str:
    return giver if giver != receiver else f"{giver}, another mask"


def _panels(record: MaskRecord[Any]) -> list[Panel]:
    """A bar for each direction; with many functions, a cell."""
    addresses = _addresses(record, TRAINED)
    if not addresses:
        return []
    title = "Transfer of private parts"
    if not few(record.functions):
        names = list(dict.fromkeys(giver for giver, _ in addresses))
        cells = [(name, [summary_of(record.quantity(TRANSFER, name, other)) for other in names]) for name in names]
        return [heat_panel("transfer", f"{title} (%)", cells, names)]
    rows: list[_Bar] = [
        (
            f"{_part(*pair)} → {pair[1]}" if pair[0] != pair[1] else _part(*pair),
            summary_of(record.quantity(TRANSFER, *pair)),
            summary_of(record.quantity(BY_CHANCE, *pair)),
            colour_of(pair[1], record.functions),
        )
        for pair in addresses
    ]
    return [Panel("transfer", title, (WIDTH + 0.6, bars_height(len(rows), 1) + 0.25), partial(_draw, rows=rows), LEAST)]


def _draw(axes: Axes, rows: Sequence[_Bar]) -> None:
    bars = [(name, [Bar(found, colour, floor)]) for name, found, floor, colour in rows]
    draw_bars(axes, bars, notation="percent", label="of what the own private part brings (%)", whole=False)
    # of few networks the interval may be wide: the axis is as long as the values need
    values = [_WHOLE * one for _, *some, _ in rows for found in some if found for one in found.values if math.isfinite(one)]
    axes.set_xlim(1.08 * min([0.0, *values]), 1.08 * max([_WHOLE, *values]))
    axes.axvline(_WHOLE, color=INK, linewidth=0.8)
    axes.axvline(_BOUND, color=MUTED, linewidth=0.9, linestyle="--")
    draw_legend(axes, [("floor", MUTED)])
