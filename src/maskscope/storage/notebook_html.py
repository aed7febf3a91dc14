"""HTML for a cell of a notebook: small, without scripts, and readable on light and dark ground.

Colours are those of the page around it, or greys that are half transparent. Whatever comes in as plain text is escaped.
"""

import html
from collections.abc import Iterable, Sequence

from maskscope.storage.legible import brief, legible

# of one table: an output is kept in the notebook's file
MOST_ROWS = 24
_LINE = "1px solid rgba(128,128,128,.35)"
_FAINT = "opacity:.7"


class Html(str):
    """Text that is HTML already, so that it is not escaped again."""

    __slots__ = ()


def shown(text: str) -> Html:
    """Plain text as HTML shows it; signs that would do something are written out, and very long text loses its middle."""
    return text if isinstance(text, Html) else Html(html.escape(brief(legible(text), 400)))


def cell(title: str, *parts: Html) -> Html:
    """What a notebook shows for one object: a title and what stands below it."""
    head = f'<div style="font-weight:600;margin-bottom:.3em">{shown(title)}</div>'
    return Html(f'<div style="max-width:60em;line-height:1.4">{head}{"".join(parts)}</div>')


def paragraph(text: str, *, faint: bool = False, strong: bool = False) -> Html:
    """A sentence or several."""
    style = "margin:.2em 0" + (f";{_FAINT}" if faint else "") + (";font-weight:600" if strong else "")
    return Html(f'<div style="{style}">{shown(text)}</div>')


def bar(share: float) -> Html:
    """A bar for a share from 0 to 1; what is no number has an empty one."""
    width = min(max(share, 0.0), 1.0) * 100 if share == share else 0.0
    fill = f'<div style="width:{width:.3g}%;height:100%;background:#4c8bd0"></div>'
    return Html(f'<div style="width:8em;height:.7em;background:rgba(128,128,128,.3)">{fill}</div>')


def table(columns: Sequence[str], rows: Iterable[Sequence[str | int]], *, more: str = "rows") -> Html:
    """A table; integers stand at the right with their thousands apart, and rows beyond `MOST_ROWS` are counted.

    Args:
        columns: their titles.
        rows: their cells.
        more: what the rows are, for those that are only counted.
    """
    listed = list(rows)
    head = "".join(
        f'<th style="text-align:left;padding:.1em .8em .1em 0;border-bottom:{_LINE}">{shown(one)}</th>' for one in columns
    )
    body = "".join(f"<tr>{''.join(map(_data, row))}</tr>" for row in listed[:MOST_ROWS])
    rest = paragraph(f"and {len(listed) - MOST_ROWS:,} more {more}", faint=True) if len(listed) > MOST_ROWS else ""
    return Html(f'<table style="border-collapse:collapse"><tr>{head}</tr>{body}</table>{rest}')


def _data(value: str | int) -> str:
    side, text = ("right", f"{value:,}") if isinstance(value, int) else ("left", shown(value))
    return f'<td style="text-align:{side};padding:.1em .8em .1em 0">{text}</td>'
