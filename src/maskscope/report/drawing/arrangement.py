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
# times this, type is only a little smaller
_LITTLE = 0.9


@dataclass(frozen=True)
class Arrangement:
    """Panels in rows.

    Args:
        columns: panels in a row.
        width: of each in inches, before scaling.
        scale: of everything, type included.
        stretch: of the height of every row.
        height: of the whole figure in inches before scaling; None: as high as its rows are.
    """

    columns: int
    width: float
    scale: float = 1.0
    stretch: float = 1.0
    height: float | None = None

    def rows(self, panels: Sequence[Panel]) -> list[float]:
        """The height of each row before scaling: of its highest panel."""
        starts = range(0, len(panels), self.columns)
        return [self.stretch * max(panel.size[1] for panel in panels[start : start + self.columns]) for start in starts]


def in_a_row(count: int, fitting: int, squeezed: int) -> int:
    """How many panels stand in a row, so that none is alone in the last one if that can be had.

    Args:
        count: of the panels.
        fitting: how many fit as wide as they are.
        squeezed: how many fit if each is as narrow as it can be.
    """
    if count <= squeezed:
        return count
    fewer = range(fitting - 1, 1, -1)
    return next((one for one in (fitting, *range(fitting + 1, squeezed + 1), *fewer) if not _orphan(count, one)), fitting)


def for_files(panels: Sequence[Panel]) -> Arrangement:
    """As they are, side by side."""
    wide, least = _widest(panels)
    columns = in_a_row(len(panels), max(1, int(_FILES / wide)), max(1, int(_FILES / least)))
    return Arrangement(columns, max(least, min(wide, _FILES / columns)))


def at_width(panels: Sequence[Panel], width: Width) -> Arrangement:
    """So that the figure is exactly as wide as that."""
    if width.height is not None:
        return _in_a_frame(panels, width, width.height)
    found = _at_scale(panels, width, width.least)
    if _orphan(len(panels), found.columns):
        # a little smaller type rather than a panel alone
        smaller = _at_scale(panels, width, _LITTLE * width.least)
        found = found if _orphan(len(panels), smaller.columns) else smaller
    return found


def narrowed(panel: Panel, width: float) -> Panel:
    """A panel that is drawn at most that wide, if its words then stay apart; else as narrow as they do."""
    return replace(panel, size=(max(panel.least * panel.size[0], min(panel.size[0], width)), panel.size[1]))


def _at_scale(panels: Sequence[Panel], width: Width, scale: float) -> Arrangement:
    """Type at least as large as that, where panels can be drawn so narrow."""
    wide, least = _widest(panels)
    columns = in_a_row(len(panels), max(1, int(width.inches / (scale * wide))), max(1, int(width.inches / (scale * least))))
    return _in_columns(panels, width, columns, scale)


def _in_columns(panels: Sequence[Panel], width: Width, columns: int, scale: float) -> Arrangement:
    wide, least = _widest(panels)
    cell = width.inches / columns
    found = min(width.most, cell / max(least, min(wide, cell / scale)))
    return Arrangement(columns, cell / found, found)


def _in_a_frame(panels: Sequence[Panel], width: Width, height: float) -> Arrangement:
    """In as many columns as let its type be largest, in the middle of a frame."""
    count = len(panels)
    every = [_in_columns(panels, width, one, width.least) for one in range(1, count + 1) if not _orphan(count, one)]
    scales = [min(one.scale, height / sum(one.rows(panels))) for one in every]
    scale, found = max(zip(scales, every, strict=True), key=lambda pair: pair[0])
    stretch = min(_STRETCH, height / scale / sum(found.rows(panels)))
    return Arrangement(found.columns, width.inches / scale / found.columns, scale, stretch, height / scale)


def _orphan(count: int, columns: int) -> bool:
    """Whether a panel stands alone in the last row."""
    return columns > 1 and count % columns == 1


def _widest(panels: Sequence[Panel]) -> tuple[float, float]:
    """The width of the widest panel, and the least width that is enough for each."""
    return max(panel.size[0] for panel in panels), max(panel.least * panel.size[0] for panel in panels)
