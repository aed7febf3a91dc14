"""The HTML page of a record: one file that needs nothing else, neither scripts nor a connection."""

from pathlib import Path
from typing import Any

from maskscope.engine.records.record import Record
from maskscope.report.headline import headline, summary_sentences, tally, title
from maskscope.report.origin import origin, settings, unverified
from maskscope.report.page import Page
from maskscope.report.readings.figures import inline_figures
from maskscope.report.readings.template import template
from maskscope.report.verdicts import agreements, claim_groups, contradictions
from maskscope.storage import write_bytes


def write_report(record: Record, page: Page[Any], path: Path) -> None:
    """Writes the report of a record as one HTML file.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    write_bytes(path, html_page(record, page).encode())


def html_page(record: Record, page: Page[Any]) -> str:
    """The report of a record as HTML.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    # first, so that what is missing is said before anything is drawn
    found = template("report.html.j2")
    shared, groups = claim_groups(record, page.more_networks)
    sections = page.sections(record)
    values = {
        "record": record,
        "title": title(record),
        "headline": headline(record),
        "tally": tally(record),
        "sentences": summary_sentences(record, page),
        "cautions": [*unverified(record), *page.cautions(record)],
        "contradictions": contradictions(record),
        "agreements": agreements(record.verdicts) if page.beside_paper else [],
        "beside_paper": page.beside_paper,
        "key_numbers": [one for one in page.key_numbers(record) if one.lines],
        "question": page.question(record),
        "rule": shared,
        "groups": groups,
        "sections": sections,
        "figures": inline_figures(sections),
        "settings": settings(record.spec),
        "origin": origin(record),
    }
    return str(found.render(values))
