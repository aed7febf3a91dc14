"""A record in the terminal: what was found first, the long tables when they are asked for. Text is never read as markup."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from maskscope.columns import print_columns, print_paragraph
from maskscope.engine.records.record import Record
from maskscope.report.headline import answer, summary_sentences, tally, title
from maskscope.report.numbers import Number, interval_text
from maskscope.report.origin import origin, unverified
from maskscope.report.page import Page
from maskscope.report.readings.template import cell_text
from maskscope.report.section import Section
from maskscope.report.table import Cell, Table
from maskscope.report.verdicts import agreements, claim_groups, contradictions

VERDICT_STYLES = {"supported": "green", "not supported": "red", "inconclusive": "yellow"}
# lacks that are told; a record without controls and repeats lacks many things
_MOST_LACKS = 2


def show_record(record: Record, page: Page[Any], console: Console, *, everything: bool = False) -> None:
    """Prints what a record found, in less than a screen: the answer, the claims, the main numbers.

    Args:
        record: of a run.
        page: how its study shows records.
        console: where to.
        everything: whether all tables are printed as well, and what each claim asks.
    """
    print_paragraph(console, f"{title(record)}: {tally(record)}", style="bold")
    print_paragraph(console, answer(record, page))
    for sentence in (*unverified(record), *page.cautions(record), *contradictions(record)):
        print_paragraph(console, sentence, style="bold red")
    beside = agreements(record) if everything and page.beside_paper else []
    for sentence in (*beside, *summary_sentences(record, page)):
        print_paragraph(console, sentence)
    if record.verdicts:
        console.print()
        _show_claims(record, page, console, questions=everything)
    _show_lacking(record, page, console, most=None if everything else _MOST_LACKS)
    _show_key_numbers(record, page, console)
    if everything:
        show_tables(page.sections(record), console)
    made = dict(origin(record))
    data = f"data: {made['data']}; " if "data" in made else ""
    place = f"{data}seeds {made['seeds']}; maskscope {made['maskscope']}; {made['device']}"
    console.print()
    print_paragraph(console, f"{place}; {made['time, summed over processes']} of work, summed over processes", style="dim")


def show_tables(sections: Sequence[Section], console: Console) -> None:
    """Prints the tables that sections have for the terminal."""
    for table in (table for section in sections for table in section.terminal if table.rows):
        show_table(table, console)


def show_table(table: Table, console: Console) -> None:
    """Prints a table under its title, its groups as headings."""
    console.print()
    print_paragraph(console, table.title, style="bold underline")
    rows = [[_cell_text(cell) for cell in row.cells] for row in table.rows]
    titles = [column.title for column in table.columns]
    print_columns(console, titles, rows, groups=[row.group for row in table.rows], indent=2)


def _show_claims(record: Record, page: Page[Any], console: Console, *, questions: bool) -> None:
    rows, groups = list[list[Text]](), list[str]()
    for group in claim_groups(record, page.more_networks)[1]:
        for claim in group.claims:
            verdict = Text(claim.word, style=VERDICT_STYLES.get(claim.word, "dim"))
            paper = claim.verdict.paper + (f" ({claim.beside_the_paper})" if claim.verdict.contradicts_paper else "")
            beside = [Text(paper or "says nothing")] if page.beside_paper else []
            rows.append([Text(claim.verdict.name), verdict, *beside, *([Text(claim.verdict.question)] if questions else [])])
            groups.append(group.title.partition(":")[0] if questions else "")
    headings = ["claim", "here", *(["the paper"] if page.beside_paper else []), *(["question"] if questions else [])]
    print_columns(console, headings, rows, groups=groups)


def _show_key_numbers(record: Record, page: Page[Any], console: Console) -> None:
    """The numbers at the head of the page, a line each."""
    shown = [one for one in page.key_numbers(record) if one.lines]
    rows = [[one.title, "   ".join(f"{name} {value}".strip().replace(" ", "\xa0") for name, value in one.lines)] for one in shown]
    if rows:
        console.print()
        print_columns(console, ["main numbers", ""], rows)


def _show_lacking(record: Record, page: Page[Any], console: Console, most: int | None) -> None:
    """What the record lacks, each lack once, with the claims that need it."""
    claims: dict[tuple[str, str], list[str]] = {}
    for group in claim_groups(record, page.more_networks)[1]:
        for claim in group.claims:
            for lack in claim.lacking:
                claims.setdefault(lack, []).append(claim.verdict.name)
    for (missing, cure), names in list(claims.items())[:most]:
        print_paragraph(console, f"Lacking: {missing}; {cure} (claims: {', '.join(names)})")


def _cell_text(cell: Cell) -> str:
    """A cell, its interval included."""
    text = cell_text(cell)
    if isinstance(cell, Number) and cell.summary.n > 1:
        return f"{text} [{interval_text(cell.summary, cell.notation)}]"
    return text
