"""How a figure shows the spread over networks, in words for its caption."""

from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.numbers import INTERVAL_FROM, POINTS_BELOW
from maskscope.report.over_networks import few, networks

_ALONE = "One network: its value, no interval."
_TWO = "no interval, for that of two networks is so wide that it would hide the numbers"


def spread_note(record: MaskRecord[Any]) -> str:
    """How the figures show spread: bars with points where each mask has a colour of its own, else shades."""
    n = len(networks(record))
    if not few(record.masks):
        return f"Means over {n} networks; the stronger the colour, the closer to 100 %. Spread and intervals are in the tables."
    return points_note(n)


def points_note(n: int) -> str:
    """How a figure shows n networks."""
    if n == 1:
        return _ALONE
    if n < INTERVAL_FROM:
        return f"Thick tick: mean over {n} networks; small marks: each network; {_TWO}."
    points = "small marks: each network; " if n < POINTS_BELOW else ""
    return f"Thick tick: mean over {n} networks; {points}line: 95 % t-interval of the mean (it may run past 0 or 100 %)."


def line_note(n: int) -> str:
    """How a figure with lines from point to point shows n networks."""
    if n == 1:
        return _ALONE
    if n < INTERVAL_FROM:
        return f"Line: mean over {n} networks; small marks: each network; {_TWO}."
    points = "; small marks: each network" if n < POINTS_BELOW else ""
    return f"Line: mean over {n} networks{points}; upright: 95 % t-interval of the mean (it may run out of the figure)."
