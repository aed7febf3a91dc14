"""A panel as a value, and the colours of all panels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:
    # named in annotations only: what needs no drawing, as the terminal, needs no matplotlib
    Axes = object

# Okabe and Ito's colours, told apart by every common kind of colour vision; the page has a variable for each.
FUNCTION_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
INK, MUTED, GRID, BAND, WHOLE_COLOUR = "#1c2733", "#5d6b7a", "#dbe1e8", "#e9edf2", "#77818c"
HEAT = "#1b5f94"


@dataclass(frozen=True)
class Panel:
    """A drawing with one pair of axes.

    Args:
        name: unique in the report.
        title: what it shows, also for those who cannot see it.
        size: width and height in inches.
        draw: draws it.
    """

    name: str
    title: str
    size: tuple[float, float]
    draw: Callable[[Axes], None]
