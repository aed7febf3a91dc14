"""A record in the terminal: verdicts beside the paper, accuracy and overlap, as tables. Text is never read as markup."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from maskscope.engine.records.record import Record
from maskscope.report.headline import summary_sentences, tally, title
from maskscope.report.numbers import Number, interval_text
from maskscope.report.origin import origin, unverified
from maskscope.report.page import Page
from maskscope.report.readings.template import cell_text
from maskscope.report.section import Section
from maskscope.report.table import Cell, Table
from maskscope.report.verdicts import agreements, claim_groups, contradictions

VERDICT_STYLES = {"supported": "green", "not supported": "red", "inconclusive": "yellow"}


def show_record(record: Record, page: Page[Any], console: Console) -> None:
    """Prints what a record found: claims beside the paper, accuracy, overlap of whole masks, controls, and where it is from."""
    console.print(Text(f"{title(record)}: {tally(record)}", style="bold"))
    for sentence in (*unverified(record), *page.cautions(record), *contradictions(record)):
        console.print(Text(sentence, style="bold red"))
    beside = agreements(record) if page.beside_paper else []
    for sentence in (*beside, *summary_sentences(record, page)):
        console.print(Text(sentence))
    if record.verdicts:
        console.print(_claims(record, page))
    _show_lacking(record, page, console)
    show_tables(page.sections(record), console)
    made = dict(origin(record))
    data = f"data: {made['data']}; " if "data" in made else ""
    place = f"{data}seeds {made['seeds']}; maskscope {made['maskscope']}; {made['device']}"
    console.print(Text(f"{place}; {made['time, summed over processes']} of work, summed over processes"))


def show_tables(sections: Sequence[Section], console: Console) -> None:
    """Prints the tables that sections have for the terminal."""
    for table in (table for section in sections for table in section.terminal if table.rows):
        console.print(_grid(table))


def _grid(table: Table) -> Grid:
    """A table as rich draws it, its groups as headings."""
    drawn = Grid(title=Text(table.title), title_justify="left")
    for column in table.columns:
        drawn.add_column(Text(column.title))
    group = ""
    for row in table.rows:
        if row.group != group:
            drawn.add_section()
            drawn.add_row(Text(row.group, style="bold"))
            group = row.group
        drawn.add_row(*(Text(_cell_text(cell)) for cell in row.cells))
    return drawn


def _claims(record: Record, page: Page[Any]) -> Grid:
    drawn = Grid(title="Claims (rules and numbers are in the report)", title_justify="left")
    for heading in ("claim", "verdict", *(["the paper"] if page.beside_paper else []), "question"):
        drawn.add_column(heading)
    for group in claim_groups(record, page.more_networks)[1]:
        drawn.add_section()
        drawn.add_row(Text(group.title.partition(":")[0], style="bold"))
        for claim in group.claims:
            verdict = Text(claim.verdict.verdict, style=VERDICT_STYLES.get(claim.verdict.verdict, ""))
            paper = claim.verdict.paper + (f" ({claim.beside_the_paper})" if claim.verdict.contradicts_paper else "")
            beside = [Text(paper or "says nothing")] if page.beside_paper else []
            drawn.add_row(Text(claim.verdict.name), verdict, *beside, Text(claim.verdict.question))
    return drawn


def _show_lacking(record: Record, page: Page[Any], console: Console) -> None:
    """What the record lacks, each lack once, with the claims that need it."""
    claims: dict[tuple[str, str], list[str]] = {}
    for group in claim_groups(record, page.more_networks)[1]:
        for claim in group.claims:
            for lack in claim.lacking:
                claims.setdefault(lack, []).append(claim.verdict.name)
    for (missing, cure), names in claims.items():
        console.print(Text(f"Lacking: {missing}; {cure} (claims: {', '.join(names)})"))


def _cell_text(cell: Cell) -> str:
    """A cell, its interval included."""
    text = cell_text(cell)
    if isinstance(cell, Number) and cell.summary.n > 1:
        return f"{text} [{interval_text(cell.summary, cell.notation)}]"
    return text
