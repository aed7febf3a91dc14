"""Key numbers: a title, and a line each."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.engine.quantities import Quantity
from maskscope.report.numbers import NOTATION, plain, spread_text

MOST_NAMED = 3


@dataclass(frozen=True)
class KeyNumber:
    """A number with its name: one line a function, or the range over many functions; no line where nothing was measured."""

    title: str
    lines: tuple[tuple[str, str], ...]


def key_number(title: str, named: Sequence[tuple[str, Quantity | None]]) -> KeyNumber:
    """A line for each quantity that was measured; where there are too many, the lowest and the highest mean."""
    found = [(name, one) for name, one in named if one]
    if len(found) > MOST_NAMED:
        return KeyNumber(title, _range([one for _, one in found]))
    return KeyNumber(title, tuple((name, spread_text(one.summary, NOTATION[one.unit])) for name, one in found))


def _range(found: Sequence[Quantity]) -> tuple[tuple[str, str], ...]:
    notation = NOTATION[found[0].unit]
    means = [one.summary.mean for one in found if one.summary.n]
    if not means:
        return (("all", "undefined"),)
    sign = " %" if notation == "percent" else ""
    return ((f"lowest of {len(found)}", plain(min(means), notation) + sign), ("highest", plain(max(means), notation) + sign))
