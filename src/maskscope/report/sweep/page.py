"""A sweep as one HTML page, in the terminal, and as files."""

from functools import partial
from pathlib import Path

from rich.console import Console

from maskscope.columns import print_paragraph
from maskscope.engine.sweep.record import SweepRecord
from maskscope.report.blocks.spread import points_note
from maskscope.report.numbers import count_text
from maskscope.report.origin import data_rows, made_by, settings
from maskscope.report.readings.captions import about_sweep
from maskscope.report.readings.figures import NamedFigure, inline_figures, section_figures, write_figures
from maskscope.report.readings.files import write_section_tables
from maskscope.report.readings.template import template
from maskscope.report.readings.terminal import show_tables
from maskscope.report.section import Figure, Section
from maskscope.report.sweep.drawing import sweep_panels
from maskscope.report.sweep.numbers import networks_of
from maskscope.report.sweep.tables import sweep_tables
from maskscope.report.sweep.words import caption_of, sweep_sentences, sweep_title, words_of
from maskscope.storage import write_bytes


def write_sweep(record: SweepRecord, folder: Path) -> Path:
    """Writes tables, figure and page of a sweep into its folder; returns the page's path.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    sections = sweep_sections(record)
    write_section_tables(sections, folder / "tables")
    write_figures(sweep_figures(record), folder / "figures")
    write_bytes(folder / "report.html", sweep_page(record).encode())
    return folder / "report.html"


def sweep_figures(record: SweepRecord) -> list[NamedFigure]:
    """The figures of a sweep."""
    return section_figures(sweep_sections(record), about_sweep(record))


def sweep_page(record: SweepRecord) -> str:
    """The report of a sweep as HTML.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    # first, so that what is missing is said before anything is drawn
    found = template("sweep.html.j2")
    parts = sweep_sections(record)
    values = {
        "record": record,
        "title": sweep_title(record),
        "networks": count_text(networks_of(record), "network"),
        "sentences": sweep_sentences(record),
        "sections": parts,
        "figures": inline_figures(parts),
        "settings": sweep_settings(record),
        "origin": sweep_origin(record),
    }
    return str(found.render(values))


def sweep_sections(record: SweepRecord) -> list[Section]:
    """The curves, and the table."""
    note = points_note(networks_of(record))
    caption = caption_of(record) + (note if record.scale == "name" else note.replace("Thick tick", "Large dot"))
    figure, tables = Figure(record.sweep, partial(sweep_panels, record)), tuple(sweep_tables(record))
    return [
        Section("curves", "What changes", (words_of(record).reading,), (figure,), caption),
        Section("numbers", "Every value", tables=tables, terminal=tables),
    ]


def sweep_settings(record: SweepRecord) -> list[tuple[str, str]]:
    """All settings by dotted name; one that is varied, with every value it had."""
    found: dict[str, list[str]] = {}
    for point in record.points:
        for name, value in settings(point.spec):
            found.setdefault(name, []).append(value)
    return [(name, "; ".join(dict.fromkeys(values))) for name, values in found.items()]


def sweep_origin(record: SweepRecord) -> list[tuple[str, str]]:
    """What was swept, seeds, versions, machine, duration."""
    seeds = ", ".join(str(seed) for seed in dict.fromkeys(seed for point in record.points for seed in point.seeds))
    named = [("sweep", record.sweep), ("experiment", record.experiment), ("preset", record.preset), ("seeds", seeds)]
    for data in dict.fromkeys(point.data for point in record.points):
        named += data_rows(data)
    return [*named, *made_by(record.provenance)]


def show_sweep(record: SweepRecord, console: Console) -> None:
    """Prints a sweep: its main numbers in sentences, and a row for each value."""
    n = count_text(networks_of(record), "network")
    print_paragraph(console, f"{sweep_title(record)} ({count_text(len(record.points), 'value')}, n = {n})", style="bold")
    for sentence in sweep_sentences(record):
        print_paragraph(console, sentence)
    show_tables(sweep_sections(record), console)
    made = dict(sweep_origin(record))
    console.print()
    print_paragraph(console, f"seeds {made['seeds']}; maskscope {made['maskscope']}; {made['device']}", style="dim")
