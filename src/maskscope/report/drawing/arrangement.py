"""How the panels of a figure stand beside each other, on the page, in a run's files, and at the width of a column or a slide."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maskscope.report.drawing.panel import Panel


@dataclass(frozen=True)
class Width:
    """The width of a figure in a paper or a talk.

    Args:
        inches: its width.
        least: the smallest scale of its type, which is 9 points at 1; smaller only for what cannot be drawn narrower.
        most: the largest scale.
        height: of all of it, where that is given as well: panels are drawn smaller until they fit, and stand in its middle.
    """

    inches: float
    least: float
    most: float
    height: float | None = None


# a column and a page of a two-column paper; a slide of 16:9
WIDTHS = {"column": Width(3.3, 0.75, 1.0), "page": Width(6.9, 0.75, 1.0), "slide": Width(13.333, 1.5, 2.0, 7.5)}
# inches: as many panels side by side as fit into this in the files of a run
_FILES = 10.0
# a slide may be filled by drawing panels this much higher
_STRETCH = 1.3


@dataclass(frozen=True)
class Arrangement:
    """Panels in rows.

    Args:
        columns: panels in a row.
        panel: width and height of each in inches, before scaling.
        scale: of everything, type included.
        height: of the whole figure before scaling; None: as high as its rows are.
    """

    columns: int
    panel: tuple[float, float]
    scale: float = 1.0
    height: float | None = None


def in_a_row(count: int, fitting: int, squeezed: int) -> int:
    """How many panels stand in a row, so that none is alone in the last one if that can be had.

    Args:
        count: of the panels.
        fitting: how many fit as wide as they are.
        squeezed: how many fit if each is as narrow as it can be.
    """
    if count <= squeezed:
        return count
    wider = range(fitting - 1, 1, -1)
    return next((one for one in (fitting, *range(fitting + 1, squeezed + 1), *wider) if count % one != 1), fitting)


def for_files(panels: Sequence[Panel]) -> Arrangement:
    """As they are, side by side."""
    width, height, least = _largest(panels)
    columns = in_a_row(len(panels), max(1, int(_FILES / width)), max(1, int(_FILES / (least * width))))
    return Arrangement(columns, (max(least * width, min(width, _FILES / columns)), height))


def at_width(panels: Sequence[Panel], width: Width) -> Arrangement:
    """So that the figure is exactly as wide as that."""
    least, found = width.least, _at_scale(panels, width, width.least)
    while width.height and _height(panels, found) * found.scale > width.height and least > width.least / 4:
        least *= 0.9
        found = _at_scale(panels, width, least)
    if width.height is None:
        return found
    scale = min(found.scale, width.height / _height(panels, found))
    high = min(found.panel[1] * _STRETCH, width.height / scale / -(-len(panels) // found.columns))
    panel = width.inches / scale / found.columns
    return Arrangement(found.columns, (panel, high), scale, width.height / scale)


def narrowed(panel: Panel, width: float) -> Panel:
    """A panel that is drawn at most that wide, if its words then stay apart; else as narrow as they do."""
    return replace(panel, size=(max(panel.least * panel.size[0], min(panel.size[0], width)), panel.size[1]))


def _at_scale(panels: Sequence[Panel], width: Width, least: float) -> Arrangement:
    wide, high, narrow = _largest(panels)
    columns = in_a_row(
        len(panels), max(1, int(width.inches / (least * wide))), max(1, int(width.inches / (least * narrow * wide)))
    )
    cell = width.inches / columns
    drawn = max(narrow * wide, min(wide, cell / least))
    scale = min(width.most, cell / drawn)
    return Arrangement(columns, (cell / scale, high), scale)


def _height(panels: Sequence[Panel], found: Arrangement) -> float:
    return -(-len(panels) // found.columns) * found.panel[1]


def _largest(panels: Sequence[Panel]) -> tuple[float, float, float]:
    """The widest panel's width, the highest one's height, and the share of the width that is enough for all."""
    wide = max(panel.size[0] for panel in panels)
    return wide, max(panel.size[1] for panel in panels), max(panel.least * panel.size[0] for panel in panels) / wide
