"""The commands that read finished runs: compare, report."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.console import Console
from tyro.conf import Positional

from maskscope.cli.words.parsing import parse

if TYPE_CHECKING:
    from maskscope.engine.records.record import Record
    from maskscope.engine.study import Study

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


def compare_command(words: list[str]) -> None:
    """Prints two records side by side."""
    options = parse(CompareOptions, words, "compare")
    from maskscope.cli.output.printing import print_json
    from maskscope.report import comparison, show_comparison

    compared = comparison(*(record_of(folder, options.reader)[1] for folder in (options.first, options.second)))
    if options.as_json:
        print_json(compared)
    else:
        show_comparison(compared, Console())


def report_command(words: list[str]) -> None:
    """Writes the report."""
    options = parse(ReportOptions, words, "report")
    from maskscope.engine.records.file import holds_sweep
    from maskscope.engine.sweep.record import load_sweep
    from maskscope.report import write_everything, write_sweep

    if holds_sweep(options.folder):
        print(f"wrote {write_sweep(load_sweep(options.folder), options.folder)}")
    else:
        study, record = record_of(options.folder, options.reader)
        print(f"wrote {write_everything(record, study.page, options.folder)}")


def record_of(folder: Path, reader: str) -> "tuple[Study[Any], Record]":
    """A record, and the study that reads it: the one that is named, or that the record names."""
    from maskscope.engine.address import study_at
    from maskscope.engine.records.file import load_record

    record = load_record(folder, study_at(reader) if reader else None)
    return study_at(reader or record.study), record
