"""A panel as a value, and the colours and marks of all panels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:
    # named in annotations only: what needs no drawing, as the terminal, needs no matplotlib
    Axes = object

# Blue, orange, green and violet, each of another lightness, so that they stay apart for every common kind of colour vision and in
# greyscale (tests/report/test_colours.py). The page has a variable for each, with other colours on dark ground.
FUNCTION_COLOURS = ("#12478c", "#c25e00", "#00704a", "#c972c4")
INK, MUTED, GRID, BAND, WHOLE_COLOUR = "#1c2733", "#5d6b7a", "#dbe1e8", "#e9edf2", "#77818c"
# the ground, where something has to be hollow; one shade from white, which is the ink of dark cells
PAPER = "#fefefe"
HEAT = "#1b5f94"
# a mark for each colour, for where colours cannot be told apart; what is compared with has an upright line
MARKS = dict(zip((*FUNCTION_COLOURS, WHOLE_COLOUR, MUTED), ("o", "s", "^", "D", "P", "|"), strict=True))


@dataclass(frozen=True)
class Panel:
    """A drawing with one pair of axes.

    Args:
        name: unique in the report.
        title: what it shows, also for those who cannot see it.
        size: width and height in inches.
        draw: draws it.
        least: the share of its width that is enough, so that its words and numbers stay apart.
    """

    name: str
    title: str
    size: tuple[float, float]
    draw: Callable[[Axes], None]
    least: float = 1.0


def mark_of(colour: str) -> str:
    """The mark that goes with a colour; a circle for a colour that is no series'."""
    return MARKS.get(colour, "o")
