"""Numbers as text: one way to write a share, a ratio, a spread, an interval and what is undefined."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from maskscope.analysis import Summary
from maskscope.engine.quantities import Quantity
from maskscope.engine.quantities import Unit as RecordedUnit

UNDEFINED = "undefined"
NOT_MEASURED = "not measured"
# below this many networks every point is shown (docs/statistics.md, section 5)
POINTS_BELOW = 10
# a figure draws an interval from this many networks on: that of two is so wide that it hides the numbers
INTERVAL_FROM = 3

Notation = Literal["percent", "ratio"]
# shares, and what shares are compared by, are written in percent
NOTATION: Mapping[RecordedUnit, Notation] = {
    "share": "percent",
    "difference of shares": "percent",
    "relative": "percent",
    "ratio": "ratio",
    "difference of ratios": "ratio",
    "p": "ratio",
}


@dataclass(frozen=True)
class Number:
    """A number over networks, and how to write it."""

    summary: Summary
    notation: Notation


@dataclass(frozen=True)
class Points:
    """One number a network, and how to write them."""

    values: tuple[float, ...]
    notation: Notation


def number_of(quantity: Quantity | None) -> Number | None:
    """A quantity of a record, written as its unit asks; None where it was not measured."""
    return Number(quantity.summary, NOTATION[quantity.unit]) if quantity else None


def summary_of(quantity: Quantity | None) -> Summary | None:
    """A quantity of a record over its networks; None where it was not measured."""
    return quantity.summary if quantity else None


def plain(value: float, notation: Notation, decimals: int | None = None) -> str:
    """A number without its unit; ``undefined`` for NaN, never 0."""
    return UNDEFINED if math.isnan(value) else _digits(value, notation, decimals).replace("-", "−")


def mean_text(summary: Summary, notation: Notation) -> str:
    """The mean with its unit, in as few digits as a figure or a sentence needs."""
    return UNDEFINED if summary.n == 0 else plain(summary.mean, notation) + _sign(notation)


def spread_text(summary: Summary, notation: Notation) -> str:
    """Mean and sample standard deviation; the mean alone for one network; says on how many networks if not on all."""
    if summary.n == 0:
        return UNDEFINED
    decimals = _decimals(summary, notation)
    text = plain(summary.mean, notation, decimals)
    text += f" ± {plain(summary.std, notation, decimals)}" if summary.n > 1 else ""
    return text + _sign(notation) + (f" (n = {summary.n} of {len(summary.values)})" if summary.n < len(summary.values) else "")


def interval_text(summary: Summary, notation: Notation) -> str:
    """The 95 % interval; with one network there is none, and it says so."""
    if summary.n == 0:
        return UNDEFINED
    if summary.n == 1:
        return "no interval (n = 1)"
    decimals = _decimals(summary, notation)
    return f"{plain(summary.low, notation, decimals)} to {plain(summary.high, notation, decimals)}{_sign(notation)}"


def points_text(values: Sequence[float], notation: Notation) -> str:
    """Every value, in the order of the networks."""
    return ", ".join(plain(value, notation) for value in values)


def exact(value: float) -> str:
    """Every digit, for a machine to read back; ``undefined`` for NaN."""
    return UNDEFINED if math.isnan(value) else repr(float(value))


def latex_number(summary: Summary, notation: Notation) -> str:
    r"""Mean and spread in LaTeX's mathematics: ``$99.4 \pm 0.3$``; the unit belongs into the caption."""
    if summary.n == 0:
        return UNDEFINED
    decimals = _decimals(summary, notation)
    spread = rf" \pm {_digits(summary.std, notation, decimals)}" if summary.n > 1 else ""
    note = f" ($n = {summary.n}$ of {len(summary.values)})" if summary.n < len(summary.values) else ""
    return f"${_digits(summary.mean, notation, decimals)}{spread}${note}"


def signless_zero(value: float) -> str:
    """Three decimals; what rounds to zero has no sign."""
    text = f"{value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text


def count_text(number: int, noun: str) -> str:
    """``1 network``, ``3 networks``, ``160,000 weights``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def short_count(value: float) -> str:
    """``261 k``, ``1.97 M``: a count in three digits."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def brief(name: str, most: int = 22) -> str:
    """A name that fits into a figure: a long one loses its middle."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[len(name) - most // 2 :]}"


def duration_text(seconds: float) -> str:
    """``41 s``, ``12 min 5 s``, ``3 h 20 min``."""
    if math.isnan(seconds):
        return UNDEFINED
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def in_words(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; with semicolons where a name has a comma of its own."""
    if any("," in name for name in names):
        return "; ".join(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def _digits(value: float, notation: Notation, decimals: int | None = None) -> str:
    if notation == "percent":
        value, decimals = 100 * value, _fine(value) if decimals is None else decimals
    text = f"{value:.{3 if decimals is None else decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _decimals(summary: Summary, notation: Notation) -> int:
    """As many for the mean as for the spread, so that they can be read together."""
    narrow = 0 < summary.std < 0.001
    if notation == "ratio":
        return 3 + narrow
    decimals = max(_fine(summary.mean), 1 + narrow)
    # of a tiny share, one more for a spread that would be written as 0
    return max(decimals, min(_fine(summary.std), decimals + 1)) if decimals > 2 else decimals


def _fine(share: float) -> int:
    """Decimals of a percentage: more for a small one, so that it is not written as 0."""
    if not 0 < abs(share) < 0.01:
        return 1
    return min(8, max(2, math.ceil(-math.log10(100 * abs(share)))))


def _sign(notation: Notation) -> str:
    return "\u00a0%" if notation == "percent" else ""
