"""Text for a terminal: tables and paragraphs in which no word is broken, however narrow the terminal is."""

import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

Cell = str | Text
_GAP = 2
# under a table that does not fit, each row is a block of lines
_BLOCK_INDENT = 4


def print_paragraph(console: Console, text: str, *, style: str = "", indent: int = 0) -> None:
    """Prints a paragraph; a word that is longer than a line stands on one of its own."""
    for line in _lines(text, console.width, indent):
        _print(console, Text(line, style))


def print_columns(
    console: Console,
    titles: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    groups: Sequence[str] = (),
    right: Sequence[int] = (),
    whole: Sequence[int] = (),
    indent: int = 0,
) -> None:
    """Prints a table. Where the longest words of its columns do not fit side by side, it prints a block for each row.

    Args:
        console: where to.
        titles: of the columns; all empty for none.
        rows: their cells.
        groups: the heading that each row stands under; empty for none.
        right: the numbers of the columns that are flush right.
        whole: the numbers of the columns that are not broken at all, such as commands.
        indent: columns before each line.
    """
    texts = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    heads = [Text(title, "bold") for title in titles]
    widths = _widths([heads, *texts] if any(titles) else texts, console.width - indent, whole)
    group = ""
    if widths and any(titles):
        _print_row(console, heads, widths, right, indent)
    for place, row in enumerate(texts):
        if groups and groups[place] != group:
            group = groups[place]
            print_paragraph(console, group, style="bold", indent=indent)
        if widths:
            _print_row(console, row, widths, right, indent)
        else:
            _print_block(console, titles, row, indent)


def columns_fit(console: Console, rows: Sequence[Sequence[str]]) -> bool:
    """Whether the longest words of so many columns fit side by side."""
    return bool(_widths([[Text(cell) for cell in row] for row in rows], console.width))


def _widths(rows: Sequence[Sequence[Text]], width: int, whole: Sequence[int] = ()) -> list[int]:
    """The width of each column: that of its longest word, and more of it where there is room; none if that is too much."""
    columns = list(zip(*rows, strict=True))
    least = [
        max(max((len(word) for word in cell.plain.replace("\n", " ").split(" ")), default=0) for cell in column)
        for column in columns
    ]
    wanted = [max(max(map(len, cell.plain.split("\n"))) for cell in column) for column in columns]
    least = [wanted[place] if place in whole else one for place, one in enumerate(least)]
    room = width - _GAP * (len(columns) - 1) - sum(least)
    if room < 0:
        return []
    found = list(least)
    lengths = [{tuple(map(len, cell.plain.split("\n"))) for cell in column} for column in columns]
    while room > 0 and (open_ones := [place for place in range(len(found)) if found[place] < wanted[place]]):
        # the column whose cells are highest gets the next sign
        found[max(open_ones, key=lambda place: _height(lengths[place], found[place]))] += 1
        room -= 1
    return found


def _height(lengths: set[tuple[int, ...]], width: int) -> float:
    """About how many lines the highest cell of a column has, from the lengths of its paragraphs."""
    return max(sum(max(1.0, length / width) for length in cell) for cell in lengths)


def _print_row(console: Console, row: Sequence[Text], widths: Sequence[int], right: Sequence[int], indent: int) -> None:
    cells = [_lines(cell.plain, width, 0) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, cells))):
        line = Text(" " * indent)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            part = cell[number] if number < len(cell) else ""
            line.append(part.rjust(width) if place in right else part.ljust(width), row[place].style)
            line.append(" " * _GAP)
        line.rstrip()
        _print(console, line)


def _print_block(console: Console, titles: Sequence[str], row: Sequence[Text], indent: int) -> None:
    print_paragraph(console, row[0].plain, indent=indent)
    for title, cell in zip(titles[1:], row[1:], strict=True):
        if cell.plain:
            text = f"{title}: {cell.plain}" if title else cell.plain
            print_paragraph(console, text, style=str(cell.style), indent=indent + _BLOCK_INDENT)


def _lines(text: str, width: int, indent: int) -> list[str]:
    margin = " " * indent
    wrapper = textwrap.TextWrapper(
        max(1, width), initial_indent=margin, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )
    return [line for part in text.split("\n") for line in wrapper.wrap(part) or [""]]


def _print(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True, highlight=False)
