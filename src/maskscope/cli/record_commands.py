"""The commands that read finished runs: compare, report, figure, claims."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.commands import load
from maskscope.cli.words.parsing import parse

Folder = Annotated[Path, tyro.conf.arg(metavar="RUN", help="Folder of a finished run: what `maskscope run` was given as --out.")]
StudyFile = Annotated[
    str,
    tyro.conf.arg(
        name="study", metavar="FILE.py[:NAME]", help="The study file that reads the record, which is run; for studies of a file."
    ),
]


@dataclass(frozen=True)
class CompareOptions:
    """Print every quantity of two runs side by side, and the settings in which they differ.

    maskscope compare runs/first runs/second
    """

    first: Positional[Folder]
    second: Positional[Folder]
    reader: StudyFile = ""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of tables."""


@dataclass(frozen=True)
class ReportOptions:
    """Write report.html, figures (PDF, PNG) and tables (CSV, LaTeX) into the folder of a run, from its record alone.

    maskscope report runs/demo
    """

    folder: Positional[Folder]
    reader: StudyFile = ""


@dataclass(frozen=True)
class ClaimsOptions:
    """Print the claims of the studies, and what became of them in your runs.

    maskscope claims                          which claims there are
    maskscope claims runs/demo runs/other     what became of them
    maskscope claims --all                    each, with what the paper reports
    """

    folders: Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="[RUN ...]", help="Folders of finished runs.")]] = ()
    everything: Annotated[bool, tyro.conf.arg(name="all")] = False
    """Also the claims that no record here is about, each study with the command that makes its record."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of tables."""


@dataclass(frozen=True)
class FigureOptions:
    """Write a figure of a run or a sweep as SVG, PDF and PNG, for a paper or a talk, with its caption.

    maskscope figure runs/demo            the figures that there are
    maskscope figure runs/demo picture --width column
    """

    folder: Positional[Folder]
    name: Positional[Annotated[str, tyro.conf.arg(metavar="[NAME]", help="Of the figure, or `all`.")]] = ""
    width: Literal["column", "page", "slide"] = "page"
    """column: 3.3 inches. page: 6.9 inches. slide: 13.3 by 7.5 inches, with larger type."""
    format: tuple[Literal["svg", "pdf", "png"], ...] = ("svg", "pdf", "png")
    """The files to write; all of them unless some are named."""
    out: Path = Path()
    """The folder to write to; by default, this one."""
    reader: StudyFile = ""


def compare_command(words: list[str]) -> None:
    """Prints two records side by side."""
    options = parse(CompareOptions, words, "compare")
    load("maskscope.cli.records:compare")(options.first, options.second, options.reader, as_json=options.as_json)


def report_command(words: list[str]) -> None:
    """Writes the report."""
    options = parse(ReportOptions, words, "report")
    load("maskscope.cli.records:write_report")(options.folder, options.reader)


def claims_command(words: list[str]) -> None:
    """Prints what became of every claim."""
    options = parse(ClaimsOptions, words, "claims")
    how = {"everything": options.everything, "as_json": options.as_json}
    load("maskscope.cli.records:print_claims")(options.folders, **how)


def figure_command(words: list[str]) -> None:
    """Lists the figures of a run, or writes some of them."""
    options = parse(FigureOptions, words, "figure")
    load("maskscope.cli.records:write_figures")(options)
