"""A record in the terminal: verdicts, accuracy and overlap, as tables. Text is never read as markup."""

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from maskscope.experiments.record import Record
from maskscope.report.across import networks
from maskscope.report.headline import tally, title
from maskscope.report.numbers import NOT_MEASURED, Number, Points, interval_text, points_text, spread_text
from maskscope.report.sections import origin
from maskscope.report.tables import Cell, Column, Row, Table, accuracy_table, overlap_table, sharing_table

_STYLES = {"supported": "green", "not supported": "red", "inconclusive": "yellow"}


def show_record(record: Record, console: Console) -> None:
    """Prints what a record found: claims with verdicts, accuracy, overlap of whole masks, and where it comes from."""
    console.print(Text(f"{title(record)}: {tally(record)}", style="bold"))
    if len(networks(record)) == 1:
        console.print(Text("One network: no interval, so no claim can be more than inconclusive."))
    console.print(_claims(record))
    console.print(_grid(accuracy_table(record)))
    for table in (_totals(overlap_table(record)), sharing_table(record)):
        if table.rows:
            console.print(_grid(table))
    made = dict(origin(record))
    place = f"seeds {made['seeds']}; maskscope {made['maskscope']}; {made['device']}"
    console.print(Text(f"{place}; {made['time, summed over processes']} of work, summed over processes"))


def _claims(record: Record) -> Grid:
    grid = Grid("claim", "verdict", "question", title="Claims (rules and numbers are in the report)", title_justify="left")
    for verdict in record.verdicts:
        grid.add_row(Text(verdict.name), Text(verdict.verdict, style=_STYLES.get(verdict.verdict, "")), Text(verdict.question))
    return grid


def _grid(table: Table) -> Grid:
    """A table as rich draws it, its groups as headings."""
    grid = Grid(title=Text(table.title), title_justify="left")
    for column in table.columns:
        grid.add_column(Text(column.title))
    group = ""
    for row in table.rows:
        if row.group != group:
            grid.add_section()
            grid.add_row(Text(row.group, style="bold"))
            group = row.group
        grid.add_row(*(Text(_cell_text(cell)) for cell in row.cells))
    return grid


def _totals(table: Table) -> Table:
    """The rows over all tensors, each named by its pair of functions."""
    rows = tuple(Row("", (row.group, *row.cells[1:])) for row in table.rows if row.cells[0] == "all tensors")
    columns = (Column("masks"), *table.columns[1:])
    return Table(table.name, "Overlap of whole masks: mean ± sample standard deviation over networks", columns, rows)


def _cell_text(cell: Cell) -> str:
    if isinstance(cell, Number):
        text = spread_text(cell.summary, cell.unit)
        if cell.summary.n > 1:
            return f"{text} [{interval_text(cell.summary, cell.unit)}]"
        return text
    if isinstance(cell, Points):
        return points_text(cell.values, cell.unit)
    return NOT_MEASURED if cell is None else f"{cell:,}" if isinstance(cell, int) else cell
