"""Tables as CSV for machines, with every digit, and as LaTeX for a paper."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from maskscope.engine.records.record import Record
from maskscope.report.numbers import NOT_MEASURED, Number, Points, exact, latex_number, points_text
from maskscope.report.page import Page
from maskscope.report.section import Section, whole_tables
from maskscope.report.table import Cell, Column, Table
from maskscope.report.verdicts import claims_table
from maskscope.storage import write_bytes

# also behind blanks and behind quotes, which some spreadsheets pass over; signs of East Asian width are taken for the others
_FORMULA = re.compile(r"""[\s"']*[=+\-@\t\r＝＋－＠]""")
_NUMBERS = re.compile(r"[-+](?:[-+*/^().\d ]|e[-+]\d|undefined)*")
_PARTS = ("mean", "std", "low", "high", "n")
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
}


def write_tables(record: Record, page: Page[Any], folder: Path) -> list[Path]:
    """Writes every table of a record as ``NAME.csv`` and ``NAME.tex``, and returns the paths."""
    claims = claims_table(record)
    return write_section_tables([Section("claims", claims.title, files=(claims,)), *page.sections(record)], folder)


def write_section_tables(sections: Sequence[Section], folder: Path) -> list[Path]:
    """Writes every whole table of some sections."""
    written = []
    for table in whole_tables(sections):
        for suffix, text in ((".csv", csv_text(table)), (".tex", latex_text(table))):
            path = folder / f"{table.name}{suffix}"
            write_bytes(path, text.encode())
            written.append(path)
    return written


def csv_text(table: Table) -> str:
    """The table as CSV: shares as numbers from 0 to 1, every digit, ``undefined`` where there is no number.

    A number over networks takes five columns: mean, std (sample), low and high (95 % t-interval), n. A text that a spreadsheet
    would run as a formula has an apostrophe in front, which makes it a text there too.
    """
    numeric = [any(isinstance(row.cells[place], Number) for row in table.rows) for place in range(len(table.columns))]
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\n")
    heads = [_csv_heads(column, wide) for column, wide in zip(table.columns, numeric, strict=True)]
    writer.writerow(["group", *(_as_text(title) for head in heads for title in head)])
    for row in table.rows:
        cells = [_csv_cells(cell, wide) for cell, wide in zip(row.cells, numeric, strict=True)]
        writer.writerow([_as_text(row.group), *(_as_text(text) for cell in cells for text in cell)])
    return lines.getvalue()


def latex_text(table: Table) -> str:
    """The table as a LaTeX ``tabular`` in the style of booktabs; needs ``\\usepackage{booktabs,textcomp}``."""
    layout = "".join(
        r"p{0.28\linewidth}" if column.long else "l" if place == 0 else "r" for place, column in enumerate(table.columns)
    )
    lines = [rf"\begin{{tabular}}{{{layout}}}", r"\toprule"]
    lines += [" & ".join(latex_escape(column.title) for column in table.columns) + r" \\", r"\midrule"]
    lines += _latex_rows(table)
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def latex_escape(text: str) -> str:
    """Text that LaTeX prints as it is, on one line."""
    return re.sub("[" + re.escape("".join(_ESCAPES)) + "]", lambda found: _ESCAPES[found[0]], " ".join(text.split()))


def _latex_rows(table: Table) -> Iterator[str]:
    group = ""
    for place, row in enumerate(table.rows):
        if row.group != group:
            if place:
                yield r"\addlinespace"
            yield rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\emph{{{latex_escape(row.group)}}}}} \\"
            group = row.group
        yield " & ".join(_latex_cell(cell) for cell in row.cells) + r" \\"


def _latex_cell(cell: Cell) -> str:
    if isinstance(cell, Number):
        return latex_number(cell.summary, cell.notation)
    if isinstance(cell, Points):
        return latex_escape(points_text(cell.values, cell.notation))
    if isinstance(cell, int):
        return f"{cell:,}".replace(",", r"\,")
    return latex_escape(NOT_MEASURED if cell is None else cell)


def _as_text(text: str) -> str:
    """Numbers, and sums of them, as they are; what else begins like a formula, quoted (OWASP, CSV injection)."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBERS.fullmatch(text) else text


def _csv_heads(column: Column, wide: bool) -> list[str]:
    return [f"{column.title} {part}" for part in _PARTS] if wide else [column.title]


def _csv_cells(cell: Cell, wide: bool) -> list[str]:
    if isinstance(cell, Number):
        summary = cell.summary
        return [*(exact(value) for value in (summary.mean, summary.std, summary.low, summary.high)), str(summary.n)]
    if isinstance(cell, Points):
        return [" ".join(exact(value) for value in cell.values)]
    text = NOT_MEASURED if cell is None else str(cell)
    return [text] * len(_PARTS) if wide else [text]
