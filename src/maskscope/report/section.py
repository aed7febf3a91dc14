"""A section of the report as a value, and words that several sections share."""

from dataclasses import dataclass

from maskscope.procedure.result import Record
from maskscope.report.across import few, networks
from maskscope.report.numbers import POINTS_BELOW
from maskscope.report.sequence_answers import ExampleGroup
from maskscope.report.table import Table


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Args:
        id: of its anchor.
        title: its heading.
        text: what it shows and how to read it, a paragraph each.
        figures: names of its figures.
        caption: under the figures.
        tables: shown.
        folded: shown when opened.
        short: its name in the contents, if not its title.
        examples: answers beside the right ones, by test.
        legend: of the examples: a short form, and the token that it stands for.
    """

    id: str
    title: str
    text: tuple[str, ...]
    figures: tuple[str, ...] = ()
    caption: str = ""
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()
    short: str = ""
    examples: tuple[ExampleGroup, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()


def spread_note(record: Record) -> str:
    """How the figures show spread."""
    n = len(networks(record))
    if not few(record.masks):
        return f"Means over {n} networks; the darker, the closer to 100 %. Spread and intervals are in the tables."
    return points_note(n)


def points_note(n: int) -> str:
    """How a figure shows n networks."""
    if n == 1:
        return "One network: its value, no interval."
    points = "circles: each network; " if n < POINTS_BELOW else ""
    return f"Thick tick: mean over {n} networks; {points}line: 95 % t-interval of the mean (it may run past 0 or 100 %)."


def line_note(n: int) -> str:
    """How a figure with lines from point to point shows n networks."""
    if n == 1:
        return "One network: its value, no interval."
    points = "; circles: each network" if n < POINTS_BELOW else ""
    return f"Line: mean over {n} networks{points}; upright: 95 % t-interval of the mean (it may run out of the figure)."
