"""Figures: as PDF and PNG for a paper, as SVG for the page. Where matplotlib is asked for, and nowhere else."""

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
from maskscope.report.drawing.panel import Panel
from maskscope.report.page import Page
from maskscope.report.section import Figure, Section, all_figures
from maskscope.storage import write_bytes


def write_figures(record: Record, page: Page[Any], folder: Path) -> list[Path]:
    """Writes every figure of a record as ``NAME.pdf`` and ``NAME.png``, its panels side by side, and returns the paths.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return write_section_figures(page.sections(record), folder)


def write_section_figures(sections: Sequence[Section], folder: Path) -> list[Path]:
    """Writes every figure of some sections.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    written, canvas = [], _canvas()
    for name, panels in all_figures(sections).items():
        for suffix, content in canvas.files(panels).items():
            path = folder / f"{name}{suffix}"
            write_bytes(path, content)
            written.append(path)
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
    canvas = _canvas()
    return InlineFigure(tuple(canvas.svg(panel) for panel in panels), round(96 * max(panel.size[0] for panel in panels)))


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
