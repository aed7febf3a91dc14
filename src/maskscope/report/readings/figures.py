"""Figures: as files for papers and talks, as SVG for the page. Where matplotlib is asked for, and nowhere else."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from maskscope.engine.records.record import Record
from maskscope.errors import ConfigError, MissingExtraError
from maskscope.report.drawing.arrangement import Arrangement, Width, at_width, for_files, in_a_row, narrowed
from maskscope.report.drawing.panel import Panel
from maskscope.report.page import Page
from maskscope.report.readings.captions import about_record, caption_text
from maskscope.report.section import Figure, Section, all_figures
from maskscope.storage import write_bytes

# of the page, in CSS pixels: what is inside a section, the space between panels, and how much narrower than they are panels are
# before one fewer stands in a row (.panels in report.css)
_INSIDE, _SPACE, _NARROWER = 958, 26, 0.9
# pixels to the inch
_PIXELS = 96
# a panel that cannot be drawn narrower may be shown smaller by this much
_SMALLER = 0.88
FORMATS = ("svg", "pdf", "png")


@dataclass(frozen=True)
class NamedFigure:
    """A figure of a run, with what its files need.

    Args:
        name: of its files.
        panels: at least one.
        caption: as plain text, its title in the first line.
    """

    name: str
    panels: tuple[Panel, ...]
    caption: str

    @property
    def summary(self) -> str:
        """In one line what it shows: the caption without names of panels, and without where the numbers are from."""
        return " ".join(" ".join(self.caption.split("\n\n")[:-2]).split())


def figures_of(record: Record, page: Page[Any]) -> list[NamedFigure]:
    """Every figure of a record: the one that carries its page, then those of its sections."""
    picture = page.picture(record)
    first = [Section("picture", "The result in one picture", figures=(picture,))] if picture else []
    return section_figures([*first, *page.sections(record)], about_record(record))


def section_figures(sections: Sequence[Section], about: str) -> list[NamedFigure]:
    """Every figure of some sections that has something to show.

    Args:
        sections: in order.
        about: where the numbers are from, the end of each caption.
    """
    found = all_figures(sections)
    return [
        NamedFigure(one.name, tuple(found[one.name]), caption_text(section, one, found[one.name], about))
        for section in sections
        for one in section.figures
        if one.name in found
    ]


def write_figures(figures: Sequence[NamedFigure], folder: Path) -> list[Path]:
    """Writes figures as a run's folder has them, as wide as their panels are; returns the paths.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return [path for figure in figures for path in _written(figure, for_files(figure.panels), FORMATS, folder)]


def write_figure(figure: NamedFigure, width: Width, formats: Sequence[str], folder: Path) -> list[Path]:
    """Writes one figure exactly as wide as a column, a page or a slide; returns the paths.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return _written(figure, at_width(figure.panels, width), formats, folder)


def _written(figure: NamedFigure, arrangement: Arrangement, formats: Sequence[str], folder: Path) -> list[Path]:
    contents = _canvas().files(figure.panels, arrangement, formats) | {".txt": figure.caption.encode()}
    written = [folder / f"{figure.name}{suffix}" for suffix in contents]
    for path, content in zip(written, contents.values(), strict=True):
        write_bytes(path, content)
    return written


@dataclass(frozen=True)
class InlineFigure:
    """A figure for an HTML page.

    Args:
        panels: SVG elements.
        width: of a panel at its natural size, in CSS pixels.
    """

    panels: tuple[str, ...]
    width: int


def inline_figures(sections: Sequence[Section]) -> dict[str, InlineFigure]:
    """The figures of each section as one, by the section's id; none where nothing was measured.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    shown = {}
    for section in sections:
        panels = [panel for found in all_figures([section]).values() for panel in found]
        if panels:
            shown[section.id] = _inline(panels)
    return shown


def inline_picture(picture: Figure | None) -> InlineFigure | None:
    """The figure that carries a page; None where there is none, or nothing of it was measured.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    panels = picture.panels() if picture else ()
    return _inline(panels) if panels else None


def _inline(panels: Sequence[Panel]) -> InlineFigure:
    """Panels as wide as they are, or narrower or wider, so that none of them stands alone in the last row."""
    canvas, wide = _canvas(), max(panel.size[0] for panel in panels)
    least = min(_SMALLER, max(panel.least for panel in panels))
    columns = in_a_row(len(panels), _fitting(_PIXELS * wide), _fitting(_PIXELS * least * wide))
    width = min(_PIXELS * wide, _most_for(columns))
    if _fitting(width) > columns and len(panels) > columns:
        width = _most_for(columns)
    drawn = [narrowed(panel, width / _PIXELS) for panel in panels]
    return InlineFigure(tuple(canvas.svg(panel) for panel in drawn), int(width))


def _fitting(width: float) -> int:
    """How many panels of a width in pixels the page puts into a row."""
    return max(1, int((_INSIDE + _SPACE) / (_NARROWER * width + _SPACE)))


def _most_for(columns: int) -> float:
    """The width in pixels up to which the page puts that many panels into a row."""
    return ((_INSIDE + _SPACE) / columns - _SPACE) / _NARROWER


def _canvas() -> ModuleType:
    try:
        with _any_backend():
            from maskscope.report.drawing import canvas
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError("matplotlib", "A report") from error
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"matplotlib cannot be imported, and a report needs it: {error}. Look at its settings: the files matplotlibrc here "
            "and in your home folder, and the variables MATPLOTLIBRC and MPLCONFIGDIR."
        ) from error
    return canvas


@contextmanager
def _any_backend() -> Iterator[None]:
    """A block in which matplotlib can be imported whatever MPLBACKEND says: nothing here is shown in a window."""
    wanted = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if wanted is not None:
            os.environ["MPLBACKEND"] = wanted
    if wanted:
        from matplotlib import rcParams

        # as matplotlib would have had it, for what else this process draws; one that it does not know is passed over
        with suppress(ValueError):
            rcParams["backend"] = wanted
