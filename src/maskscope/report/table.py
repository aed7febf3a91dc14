"""A table as a value: what it holds, not how it is written."""

from dataclasses import dataclass, replace

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
        part_of: the table that this is a part of; empty for a whole one. Only whole tables become files.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    part_of: str = ""

    def only(self, *groups: str) -> "Table":
        """The rows of some groups, as a part of this table."""
        rows = tuple(row for row in self.rows if row.group in groups)
        return replace(self, rows=rows, part_of=self.part_of or self.name)

    def only_whole(self, *groups: str) -> "Table":
        """The rows of some groups, as a table that stands for itself."""
        return replace(self.only(*groups), part_of="")


def columns(*titles: str) -> tuple[Column, ...]:
    """Columns of short text."""
    return tuple(Column(title) for title in titles)
