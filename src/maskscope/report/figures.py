"""The figures of a record: as PDF and PNG for a paper, as SVG for the page. Where matplotlib is asked for, and nowhere else."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from maskscope.errors import MissingExtraError
from maskscope.experiments.record import Record
from maskscope.storage import write_bytes


def write_figures(record: Record, folder: Path) -> list[Path]:
    """Writes every figure as ``NAME.pdf`` and ``NAME.png``, its panels side by side, and returns the paths.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    drawing = _drawing()
    written = []
    for name, panels in drawing.all_panels(record).items():
        for suffix, content in drawing.files(panels).items():
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


def inline_figures(record: Record) -> dict[str, InlineFigure]:
    """Every figure by name, its panels as SVG elements for an HTML page.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    drawing = _drawing()
    return {
        name: InlineFigure(tuple(drawing.svg(panel) for panel in panels), round(96 * max(panel.size[0] for panel in panels)))
        for name, panels in drawing.all_panels(record).items()
    }


def _drawing() -> ModuleType:
    try:
        from maskscope.report import drawing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError("matplotlib", "A report") from error
    return drawing
