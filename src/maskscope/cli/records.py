"""What is printed and written of finished runs: show, compare, report, figure, claims."""

from pathlib import Path
from typing import Any

from rich.console import Console

from maskscope.cli.output.printing import announce, print_json
from maskscope.cli.record_commands import FigureOptions
from maskscope.columns import print_paragraph
from maskscope.engine.address import known_studies, study_at
from maskscope.engine.records.file import holds_sweep, load_record
from maskscope.engine.records.record import Record
from maskscope.engine.spec import to_json
from maskscope.engine.state import state_of_claims
from maskscope.engine.study import Study
from maskscope.engine.sweep.record import load_sweep
from maskscope.errors import UnknownNameError
from maskscope.report import (
    NamedFigure,
    comparison,
    figures_of,
    record_in_words,
    show_claims,
    show_comparison,
    show_record,
    show_studies_of_claims,
    show_sweep,
    sweep_figures,
    write_everything,
    write_figure,
    write_sweep,
)
from maskscope.report.drawing.arrangement import WIDTHS
from maskscope.storage.legible import legible

# instead of the name of a figure
_ALL = "all"


def print_record(folder: Path, reader: str, *, everything: bool, as_json: bool) -> None:
    """Prints the record of a run or a sweep.

    Args:
        folder: of the run.
        reader: the study file that reads the record; empty: the study that the record names.
        everything: whether all its tables are printed.
        as_json: whether it is printed as JSON.
    """
    console = Console()
    if holds_sweep(folder):
        sweep = load_sweep(folder)
        if as_json:
            print_json(sweep)
        else:
            show_sweep(sweep, console)
        return
    study, record = _read(folder, reader)
    if as_json:
        print_json(record)
        return
    show_record(record, study.page, console, everything=everything)
    page = folder / "report.html"
    if page.exists():
        print_paragraph(console, f"Page: {legible(str(page))}")
    if not everything:
        print_paragraph(console, f"All tables: maskscope show {legible(str(folder))} --all")


def compare(first: Path, second: Path, reader: str, *, as_json: bool) -> None:
    """Prints two records side by side."""
    compared = comparison(*(_read(folder, reader)[1] for folder in (first, second)))
    if as_json:
        print_json(compared)
    else:
        show_comparison(compared, Console())


def write_report(folder: Path, reader: str) -> None:
    """Writes the page, figures and tables of a run or a sweep."""
    if holds_sweep(folder):
        print(f"wrote {write_sweep(load_sweep(folder), folder)}")
    else:
        study, record = _read(folder, reader)
        print(f"wrote {write_everything(record, study.page, folder)}")


def write_figures(options: FigureOptions) -> None:
    """Writes figures of a run or a sweep; without a name, prints which there are.

    Raises:
        UnknownNameError: there is no such figure.
    """
    figures = {one.name: one for one in _figures(options.folder, options.reader)}
    if not options.name:
        console = Console()
        for one in figures.values():
            print_paragraph(console, one.name, style="bold")
            print_paragraph(console, one.summary, indent=2)
        print_paragraph(console, f"\nWrite one with: maskscope figure {legible(str(options.folder))} NAME --width column")
        return
    if options.name not in (*figures, _ALL):
        raise UnknownNameError("figure", options.name, [*figures, _ALL])
    for figure in figures.values() if options.name == _ALL else [figures[options.name]]:
        for path in write_figure(figure, WIDTHS[options.width], options.format, options.out):
            print(f"wrote {path}")


def _figures(folder: Path, reader: str) -> list[NamedFigure]:
    if holds_sweep(folder):
        return sweep_figures(load_sweep(folder))
    study, record = _read(folder, reader)
    return figures_of(record, study.page)


def print_claims(folders: tuple[Path, ...], *, everything: bool, as_json: bool) -> None:
    """Prints what became of every claim in some records; without records, which claims there are.

    Args:
        folders: of runs.
        everything: whether claims without a record are printed, too.
        as_json: whether all is printed as JSON.
    """
    records = {folder: load_record(folder) for folder in folders}
    for folder, record in records.items():
        if record.experiment not in known_studies():
            announce(f"{folder} is of the study {record.experiment}, whose claims are its own: maskscope show {folder}")
    found = state_of_claims([*records.values()])
    if as_json:
        print_json([to_json(one) | {"where": record_in_words(one)} for one in found])
    elif records or everything:
        show_claims(found, Console(), everything=everything)
    else:
        show_studies_of_claims(found, Console())


def _read(folder: Path, reader: str) -> tuple[Study[Any], Record]:
    """A record, and the study that reads it: the one that is named, or that the record names."""
    record = load_record(folder, study_at(reader) if reader else None)
    return study_at(reader or record.study), record
