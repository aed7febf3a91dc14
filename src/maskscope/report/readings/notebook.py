"""A record in a cell of a notebook: what was found in sentences, the claims, the key numbers, and where the page is."""

import html
from pathlib import Path
from typing import Any
from urllib.parse import quote

from maskscope.engine.records.record import Record
from maskscope.report.headline import summary_sentences, tally, title
from maskscope.report.origin import unverified
from maskscope.report.page import Page
from maskscope.storage.legible import legible
from maskscope.storage.notebook_html import Html, cell, paragraph, table

# beside a verdict; greys and colours that are seen on light and dark ground
_SIGNS = {"supported": "#2e9e5b", "not supported": "#d4544c", "inconclusive": "#b58900"}


def notebook_cell(record: Record, page: Page[Any]) -> Html:
    """The record as a notebook shows it: a few kB of HTML without scripts."""
    cautions = [paragraph(text, strong=True) for text in (*unverified(record), *page.cautions(record))]
    sentences = [paragraph(text) for text in summary_sentences(record, page)]
    claims = [(_verdict(one.verdict), one.name, one.question) for one in record.verdicts if not one.lacks]
    numbers = [
        (number.title if not place else "", name, text)
        for number in page.key_numbers(record)
        for place, (name, text) in enumerate(number.lines)
    ]
    parts = [*cautions, *sentences]
    parts += [table(("verdict", "claim", "question"), claims, more="claims")] if claims else []
    parts += [table(("key number", "of", "mean"), numbers, more="key numbers")] if numbers else []
    return cell(f"{title(record)}: {tally(record)}", *parts, *_place(record))


def _verdict(word: str) -> Html:
    colour = _SIGNS.get(word, "inherit")
    return Html(f'<span style="color:{colour};white-space:nowrap">&#9679;</span> {html.escape(word)}')


def _place(record: Record) -> list[Html]:
    """Where the page is, or the record alone; nothing where that is not known."""
    if not record.folder:
        return []
    path = Path(record.folder) / "report.html"
    if not path.exists():
        return [paragraph(f"The record is in {record.folder}.", faint=True)]
    text, whole, here = html.escape(legible(str(path))), path.resolve(), Path.cwd()
    # a notebook's server serves what lies below it, and knows no whole paths
    if whole.is_relative_to(here):
        text = f'<a href="{quote(whole.relative_to(here).as_posix())}" target="_blank">{text}</a>'
    return [Html(f'<div style="margin:.2em 0">The whole page: {text}</div>')]
