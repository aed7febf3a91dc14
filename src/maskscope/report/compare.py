"""Two records side by side: the quantities that both have, their difference, and the settings in which they differ."""

import math
from dataclasses import dataclass

from rich.console import Console

from maskscope.analysis import Summary
from maskscope.columns import print_columns, print_paragraph
from maskscope.engine.records.record import Record
from maskscope.report.numbers import NOTATION, Notation, count_text, interval_text, plain, spread_text
from maskscope.report.origin import settings
from maskscope.report.verdicts import label


@dataclass(frozen=True)
class ComparedQuantity:
    """A quantity that both records have.

    Args:
        label: its address in words.
        unit: how it is written.
        first: over the first record's networks.
        second: over the second's.
    """

    label: str
    unit: Notation
    first: Summary
    second: Summary

    @property
    def difference(self) -> float:
        """Second mean minus first; NaN where one is undefined."""
        return self.second.mean - self.first.mean


@dataclass(frozen=True)
class Comparison:
    """What two records have in common and where they differ.

    Args:
        names: of the records: study and preset.
        rows: quantities that both have, in the first record's order.
        settings: name, value in the first and in the second, where these differ; None where a record has no such setting.
        only_first: quantities that the second record does not have.
        only_second: quantities that the first does not have.
    """

    names: tuple[str, str]
    rows: tuple[ComparedQuantity, ...]
    settings: tuple[tuple[str, str | None, str | None], ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def comparison(first: Record, second: Record) -> Comparison:
    """Compares two records, also of different studies or settings."""
    score = first.score_name
    in_first = {one.address for one in first.quantities}
    in_second = {one.address: one for one in second.quantities}
    rows = [
        ComparedQuantity(label(one, score), NOTATION[one.unit], one.summary, in_second[one.address].summary)
        for one in first.quantities
        if one.address in in_second
    ]
    return Comparison(
        names=(_name(first), _name(second)),
        rows=tuple(rows),
        settings=_differing(_conditions(first), _conditions(second)),
        only_first=tuple(label(one, score) for one in first.quantities if one.address not in in_second),
        only_second=tuple(label(one, score) for one in second.quantities if one.address not in in_first),
    )


def show_comparison(compared: Comparison, console: Console) -> None:
    """Prints a comparison: the settings that differ, then the quantities of both."""
    print_paragraph(console, f"first:  {compared.names[0]}\nsecond: {compared.names[1]}")
    console.print()
    if compared.settings:
        print_paragraph(console, "Settings that differ", style="bold underline")
        texts = [["(none)" if text is None else text for text in row] for row in compared.settings]
        print_columns(console, ["setting", "first", "second"], texts, indent=2)
    else:
        print_paragraph(console, "All settings and seeds are the same.")
    console.print()
    print_paragraph(console, "Mean ± sample standard deviation [95 % interval]", style="bold underline")
    rows = []
    for row in compared.rows:
        difference = plain(row.difference, row.unit)
        signed = difference if math.isnan(row.difference) or row.difference < 0 else f"+{difference}"
        first, second = (_with_interval(one, row.unit) for one in (row.first, row.second))
        rows.append([row.label, first, second, signed])
    print_columns(console, ["quantity", "first", "second", "difference"], rows, right=(3,), indent=2)
    print_paragraph(console, "difference: second minus first, of the means, in the same unit; it has no interval of its own.")
    for names, which in ((compared.only_first, "first"), (compared.only_second, "second")):
        if names:
            print_paragraph(console, f"{len(names)} more in the {which} record only.")


def _name(record: Record) -> str:
    return f"{record.experiment}, preset {record.preset}, {count_text(len(record.seeds), 'network')}"


def _conditions(record: Record) -> dict[str, str]:
    return {**dict(settings(record.spec)), "seeds": ", ".join(str(seed) for seed in record.seeds)}


def _differing(first: dict[str, str], second: dict[str, str]) -> tuple[tuple[str, str | None, str | None], ...]:
    names = dict.fromkeys([*first, *second])
    return tuple((name, first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name))


def _with_interval(summary: Summary, unit: Notation) -> str:
    """Mean and spread, the number of networks, and below them the interval."""
    spread = f"{spread_text(summary, unit)}, n = {summary.n}"
    if summary.n == 0:
        return spread
    interval = interval_text(summary, unit) if summary.n > 1 else "no interval"
    return f"{spread}\n[{interval}]"
