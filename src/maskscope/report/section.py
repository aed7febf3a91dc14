"""A section of a report as a value: its words, its tables and its figures."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from maskscope.errors import ConfigError
from maskscope.report.drawing.panel import Panel
from maskscope.report.examples import Examples
from maskscope.report.table import Table

# a longer table is folded, unless its section says otherwise
MOST_ROWS = 40


@dataclass(frozen=True)
class Figure:
    """A figure: the name of its files, and its panels, which are made when they are asked for.

    A figure without panels shows something that was not measured; it is left out.

    Args:
        name: of its files.
        panels: makes them, from the left.
        caption: what it shows; empty where the caption of its section says that.
    """

    name: str
    panels: Callable[[], Sequence[Panel]]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report, of which the page, the terminal and the files each show something.

    Args:
        id: of its anchor on the page.
        title: its heading.
        text: what it shows and how to read it, a paragraph each.
        figures: above the tables, side by side.
        caption: under the figures.
        tables: shown on the page.
        folded: shown on the page when opened.
        files: tables that the page does not show, or shows a part of.
        terminal: tables that the terminal shows.
        short: its name in the contents, if not its title.
        examples: questions with what was answered.
    """

    id: str
    title: str
    text: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    caption: str = ""
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()
    files: tuple[Table, ...] = ()
    terminal: tuple[Table, ...] = ()
    short: str = ""
    examples: Examples | None = None


def short_or_folded(table: Table, most: int = MOST_ROWS) -> tuple[tuple[Table, ...], tuple[Table, ...]]:
    """What a section shows of a table, and what it folds: a table of more rows than that is folded."""
    return ((table,), ()) if len(table.rows) <= most else ((), (table,))


def present(*sections: Section | None) -> list[Section]:
    """The sections that a record has something for."""
    return [section for section in sections if section]


def whole_tables(sections: Iterable[Section]) -> list[Table]:
    """The tables that become files: every whole table of the sections that has a row.

    Raises:
        ConfigError: two tables have the same name, or a part is shown of a table that is nowhere as a whole.
    """
    every = [table for one in sections for table in (*one.files, *one.tables, *one.folded) if table.rows]
    found: dict[str, Table] = {}
    for table in every:
        if not table.part_of and found.setdefault(table.name, table) != table:
            raise ConfigError(f"Two tables of one report are called {table.name!r}. Name one of them otherwise: both are a file.")
    lost = sorted({table.part_of for table in every if table.part_of} - set(found))
    if lost:
        raise ConfigError(
            f"A report shows a part of the table {lost[0]!r}, and none of its sections has the whole. Add that to the section's "
            "`files`."
        )
    return list(found.values())


def all_figures(sections: Iterable[Section]) -> dict[str, Sequence[Panel]]:
    """The panels of every figure of the sections that has some, by the figure's name.

    Raises:
        ConfigError: two figures have the same name.
    """
    found: dict[str, Sequence[Panel]] = {}
    for figure in (figure for section in sections for figure in section.figures):
        if figure.name in found:
            raise ConfigError(
                f"Two figures of one report are called {figure.name!r}. Name one of them otherwise: both are files."
            )
        found[figure.name] = figure.panels()
    return {name: panels for name, panels in found.items() if panels}
