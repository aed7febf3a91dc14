"""``maskscope figure``: the figures of a run, for papers and talks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from maskscope.engine.address import study_at
from maskscope.engine.records.file import holds_sweep, load_record
from maskscope.engine.sweep.record import load_sweep
from maskscope.errors import UnknownNameError
from maskscope.report import NamedFigure, figures_of, sweep_figures, write_figure
from maskscope.report.drawing.arrangement import WIDTHS

# instead of the name of a figure
_ALL = "all"


@dataclass(frozen=True)
class FigureOptions:
    """Write a figure of a run or a sweep as SVG, PDF and PNG, as wide as a column or a page of a paper or as a slide, with its
    caption. Without a name: list the figures that there are."""

    folder: Positional[Annotated[Path, tyro.conf.arg(help="Folder of a finished run: what `maskscope run` was given as --out.")]]
    name: Positional[str] = ""
    """Of the figure, or `all`."""
    width: Literal["column", "page", "slide"] = "page"
    """column: 3.3 inches. page: 6.9 inches. slide: 13.3 by 7.5 inches, with larger type."""
    format: tuple[Literal["svg", "pdf", "png"], ...] = ("svg", "pdf", "png")
    """The files to write; all of them unless some are named."""
    out: Path = Path()
    """The folder to write to; by default, this one."""
    reader: Annotated[
        str,
        tyro.conf.arg(
            name="study", metavar="FILE.py[:NAME]", help="The study file that reads the record; for studies of a file."
        ),
    ] = ""


def figure_command(words: list[str]) -> None:
    """Lists the figures of a run, or writes some of them."""
    options = tyro.cli(FigureOptions, args=words, prog="maskscope figure", config=(tyro.conf.FlagCreatePairsOff,))
    figures = {one.name: one for one in _figures(options.folder, options.reader)}
    if not options.name:
        for figure in figures.values():
            print(f"{figure.name}\n  {figure.summary}")
        print(f"\nWrite one with: maskscope figure {options.folder} NAME --width column")
        return
    if options.name not in (*figures, _ALL):
        raise UnknownNameError("figure", options.name, [*figures, _ALL])
    for figure in figures.values() if options.name == _ALL else [figures[options.name]]:
        for path in write_figure(figure, WIDTHS[options.width], options.format, options.out):
            print(f"wrote {path}")


def _figures(folder: Path, reader: str) -> list[NamedFigure]:
    if holds_sweep(folder):
        return sweep_figures(load_sweep(folder))
    record = load_record(folder, study_at(reader) if reader else None)
    return figures_of(record, study_at(reader or record.study).page)
