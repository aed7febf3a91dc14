"""The figures of a record: as PDF and PNG for a paper, as SVG for the page. Where matplotlib is asked for, and nowhere else."""

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


def inline_figures(record: Record) -> dict[str, list[tuple[str, bool]]]:
    """For each figure its panels, as SVG elements for an HTML page, and whether a panel wants the full width.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    drawing = _drawing()
    return {name: [(drawing.svg(panel), panel.wide) for panel in panels] for name, panels in drawing.all_panels(record).items()}


def _drawing() -> ModuleType:
    try:
        from maskscope.report import drawing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError("matplotlib", "A report") from error
    return drawing
