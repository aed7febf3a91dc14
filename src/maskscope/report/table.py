"""A table as a value: what it holds, not how it is written."""

from dataclasses import dataclass

from maskscope.report.numbers import Number, Points

Cell = str | int | Number | Points | None


@dataclass(frozen=True)
class Column:
    """A column's title, and whether its text is long."""

    title: str
    long: bool = False


@dataclass(frozen=True)
class Row:
    """The cells of a row, under the heading of its group."""

    group: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table as a value.

    Args:
        name: of its files.
        title: what it shows, in one line.
        columns: the first one names the row.
        rows: each has a cell for each column; None was not measured.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def only(self, *groups: str) -> "Table":
        """The rows of some groups."""
        return Table(self.name, self.title, self.columns, tuple(row for row in self.rows if row.group in groups))


def columns(*titles: str) -> tuple[Column, ...]:
    """Columns of short text."""
    return tuple(Column(title) for title in titles)
