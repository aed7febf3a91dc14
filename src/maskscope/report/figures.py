"""Figures: as PDF and PNG for a paper, as SVG for the page. Where matplotlib is asked for, and nowhere else."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from maskscope.engine.sweep.sweep import SweepRecord
from maskscope.errors import ConfigError, MissingExtraError
from maskscope.procedure.result import Record
from maskscope.storage import write_bytes


def write_figures(record: Record, folder: Path) -> list[Path]:
    """Writes every figure of a record as ``NAME.pdf`` and ``NAME.png``, its panels side by side, and returns the paths.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return _write(_drawing().all_panels(record), folder)


def write_sweep_figures(record: SweepRecord, folder: Path) -> list[Path]:
    """The same of a sweep.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return _write(_drawing().sweep_panels(record), folder)


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
    return _inline(_drawing().all_panels(record))


def inline_sweep_figures(record: SweepRecord) -> dict[str, InlineFigure]:
    """The same of a sweep.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return _inline(_drawing().sweep_panels(record))


def _write(figures: Mapping[str, Sequence[Any]], folder: Path) -> list[Path]:
    written = []
    for name, panels in figures.items():
        for suffix, content in _drawing().files(panels).items():
            path = folder / f"{name}{suffix}"
            write_bytes(path, content)
            written.append(path)
    return written


def _inline(figures: Mapping[str, Sequence[Any]]) -> dict[str, InlineFigure]:
    drawing = _drawing()
    return {
        name: InlineFigure(tuple(drawing.svg(panel) for panel in panels), round(96 * max(panel.size[0] for panel in panels)))
        for name, panels in figures.items()
    }


def _drawing() -> ModuleType:
    try:
        with _any_backend():
            from maskscope.report import drawing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError("matplotlib", "A report") from error
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"matplotlib cannot be imported, and a report needs it: {error}. Look at its settings: the files matplotlibrc here "
            "and in your home folder, and the variables MATPLOTLIBRC and MPLCONFIGDIR."
        ) from error
    return drawing


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
