"""Key numbers: a title, and a line each."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.analysis import Summary
from maskscope.report.numbers import Unit, plain, spread_text

MOST_NAMED = 3


@dataclass(frozen=True)
class Tile:
    """A key number with its name: one line a function, or the range over many functions."""

    title: str
    lines: tuple[tuple[str, str], ...]


def tile_of(title: str, found: Sequence[tuple[str, Summary]], unit: Unit) -> Tile:
    """A line for each named number; where there are too many, the lowest and the highest mean."""
    if len(found) > MOST_NAMED:
        return Tile(title, range_lines([summary for _, summary in found], unit))
    return Tile(title, tuple((name, spread_text(summary, unit)) for name, summary in found))


def range_lines(found: Sequence[Summary], unit: Unit) -> tuple[tuple[str, str], ...]:
    """The lowest and the highest mean."""
    means = [summary.mean for summary in found if summary.n]
    if not means:
        return (("all", "undefined"),)
    sign = " %" if unit == "percent" else ""
    return ((f"lowest of {len(found)}", plain(min(means), unit) + sign), ("highest", plain(max(means), unit) + sign))
