"""A record in the terminal: verdicts beside the paper, accuracy and overlap, as tables. Text is never read as markup."""

from collections.abc import Callable, Mapping

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from maskscope.procedure.result import Record
from maskscope.report.across import whole_procedures
from maskscope.report.class_tables import drops_table, owned_pairs_table, owned_removal_table, owned_table
from maskscope.report.control_tables import controls_table
from maskscope.report.growth_tables import growth_summary_table, shared_table, tasks_table
from maskscope.report.headline import cautions, summary_sentences, tally, title
from maskscope.report.html import cell_text
from maskscope.report.kinds import Kind, kind_of
from maskscope.report.numbers import Number, interval_text
from maskscope.report.origin import origin, unverified
from maskscope.report.overlap_tables import core_table, null_table, overlap_table, sharing_tables
from maskscope.report.sequence_tables import compared_table, dropout_table, evaluation_table, output_table, scores_table
from maskscope.report.stability import MEANS, SAME_PAIR, stability_table
from maskscope.report.table import Cell, Row, Table, columns
from maskscope.report.tables import accuracy_table, removal_table
from maskscope.report.verdicts import agreements, claim_groups, contradictions

_STYLES = {"supported": "green", "not supported": "red", "inconclusive": "yellow"}
# more pairs of functions than this have their overlap in the report only
_MOST_PAIRS = 3
# longer tables, of layers by class or by task, are in the report only
_MOST_ROWS = 40
# wider tables, of every mask on every test, are in the report only
_MOST_COLUMNS = 6


def show_record(record: Record, console: Console) -> None:
    """Prints what a record found: claims beside the paper, accuracy, overlap of whole masks, controls, and where it is from."""
    console.print(Text(f"{title(record)}: {tally(record)}", style="bold"))
    for sentence in (*unverified(record), *cautions(record), *contradictions(record)):
        console.print(Text(sentence, style="bold red"))
    for sentence in (*agreements(record.verdicts), *summary_sentences(record)):
        console.print(Text(sentence))
    if record.verdicts:
        console.print(_claims(record))
    _show_lacking(record, console)
    for table in _TABLES[kind_of(record)](record):
        if table.rows:
            console.print(grid(table))
    made = dict(origin(record))
    data = f"data: {made['data']}; " if "data" in made else ""
    place = f"{data}seeds {made['seeds']}; maskscope {made['maskscope']}; {made['device']}"
    console.print(Text(f"{place}; {made['time, summed over processes']} of work, summed over processes"))


def grid(table: Table) -> Grid:
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


def _function_tables(record: Record) -> list[Table]:
    accuracy = removal_table(record)
    sharing = sharing_tables(record)
    tables = [accuracy if accuracy.rows else accuracy_table(record)]
    tables += [_totals(overlap_table(record, variant)) for variant in whole_procedures(record)]
    tables += sharing if len(sharing) <= _MOST_PAIRS else []
    return [*tables, null_table(record), core_table(record), controls_table(record)]


def _removal_tables(record: Record) -> list[Table]:
    owned = owned_table(record)
    layers = [owned] if len(owned.rows) <= _MOST_ROWS else []
    return [drops_table(record), owned_removal_table(record), *layers, owned_pairs_table(record)]


def _stability_tables(record: Record) -> list[Table]:
    # masks for different pairs one by one are in the report
    return [stability_table(record).only(SAME_PAIR, MEANS), core_table(record)]


def _growth_tables(record: Record) -> list[Table]:
    shared = shared_table(record)
    return [growth_summary_table(record), *([shared] if len(shared.rows) <= _MOST_ROWS else []), tasks_table(record)]


def _sequence_tables(record: Record) -> list[Table]:
    # examples are in the report only
    sharing = sharing_tables(record)
    scores = scores_table(record)
    tables = [evaluation_table(record), *([scores] if len(scores.columns) <= _MOST_COLUMNS else []), compared_table(record)]
    tables += [output_table(record), dropout_table(record)]
    return [*tables, *(sharing if len(sharing) <= _MOST_PAIRS else []), core_table(record), controls_table(record)]


def _claims(record: Record) -> Grid:
    drawn = Grid(title="Claims (rules and numbers are in the report)", title_justify="left")
    for heading in ("claim", "verdict", "the paper", "question"):
        drawn.add_column(heading)
    for group in claim_groups(record)[1]:
        drawn.add_section()
        drawn.add_row(Text(group.title.partition(":")[0], style="bold"))
        for claim in group.claims:
            verdict = Text(claim.verdict.verdict, style=_STYLES.get(claim.verdict.verdict, ""))
            paper = claim.verdict.paper + (f" ({claim.beside_the_paper})" if claim.verdict.contradicts_paper else "")
            drawn.add_row(Text(claim.verdict.name), verdict, Text(paper or "says nothing"), Text(claim.verdict.question))
    return drawn


def _show_lacking(record: Record, console: Console) -> None:
    """What claims lack, each lack once, with the claims that it holds up."""
    held: dict[tuple[str, str], list[str]] = {}
    for group in claim_groups(record)[1]:
        for claim in group.claims:
            for lack in claim.lacking:
                held.setdefault(lack, []).append(claim.verdict.name)
    for (missing, cure), names in held.items():
        console.print(Text(f"Lacking: {missing}; {cure} (claims: {', '.join(names)})"))


def _totals(table: Table) -> Table:
    """The rows over all tensors, each named by its pair of functions."""
    rows = tuple(Row("", (row.group, *row.cells[1:])) for row in table.rows if row.cells[0] == "all tensors")
    title = table.title.replace("masks by tensor", "whole masks")
    return Table(table.name, title, columns("masks", *(column.title for column in table.columns[1:])), rows)


def _cell_text(cell: Cell) -> str:
    """A cell, its interval included."""
    text = cell_text(cell)
    if isinstance(cell, Number) and cell.summary.n > 1:
        return f"{text} [{interval_text(cell.summary, cell.unit)}]"
    return text


_TABLES: Mapping[Kind, Callable[[Record], list[Table]]] = {
    "functions": _function_tables,
    "removal": _removal_tables,
    "stability": _stability_tables,
    "growth": _growth_tables,
    "sequences": _sequence_tables,
}
