"""The HTML page of a record: one file that needs nothing else, neither scripts nor a connection."""

from pathlib import Path
from typing import Any

from maskscope.engine.records.record import Record
from maskscope.report.headline import answer, summary_sentences, tally, title
from maskscope.report.origin import origin, settings, unverified
from maskscope.report.page import Page
from maskscope.report.readings.figures import inline_figures, inline_picture
from maskscope.report.readings.template import template
from maskscope.report.verdicts import agreements, claim_groups, contradictions
from maskscope.storage import write_bytes

# of the atlas beside a page
ATLAS = "atlas.html"


def write_report(record: Record, page: Page[Any], path: Path) -> None:
    """Writes the report of a record as one HTML file, with a link to the atlas where that lies beside it.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    atlas = ATLAS if (path.parent / ATLAS).exists() else ""
    write_bytes(path, html_page(record, page, atlas).encode())


def html_page(record: Record, page: Page[Any], atlas: str = "") -> str:
    """The report of a record as HTML.

    Args:
        record: what was found.
        page: how it is shown.
        atlas: address of the atlas of its masks; empty: there is none.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    # first, so that what is missing is said before anything is drawn
    found = template("report.html.j2")
    shared, groups = claim_groups(record, page.more_networks)
    sections, picture = page.sections(record), page.picture(record)
    values = {
        "record": record,
        "title": title(record),
        "answer": answer(record, page),
        "tally": tally(record),
        "sentences": summary_sentences(record, page),
        "cautions": [*unverified(record), *page.cautions(record)],
        "contradictions": contradictions(record),
        "agreements": agreements(record) if page.beside_paper else [],
        "beside_paper": page.beside_paper,
        "key_numbers": [one for one in page.key_numbers(record) if one.lines],
        "question": page.question(record),
        "rule": shared,
        "groups": groups,
        "sections": sections,
        "pictures": [one for one in sections if one.figures or one.examples],
        "figures": inline_figures(sections),
        "lead": inline_picture(picture),
        "lead_caption": picture.caption if picture else "",
        "other_size": record.other_size,
        "atlas": atlas,
        "settings": settings(record.spec),
        "origin": origin(record),
    }
    return str(found.render(values))
