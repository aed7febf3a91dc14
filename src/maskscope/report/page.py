"""The HTML page of a record: one file that needs nothing else, neither scripts nor a connection."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from maskscope.procedure.result import Record
from maskscope.report.figures import InlineFigure, inline_figures
from maskscope.report.headline import cautions, headline, summary_sentences, tally, tiles, title
from maskscope.report.html import template
from maskscope.report.origin import origin, question, settings, unverified
from maskscope.report.section import Section
from maskscope.report.sections import sections
from maskscope.report.verdicts import agreements, claim_groups, contradictions
from maskscope.storage import write_bytes


def write_report(record: Record, path: Path) -> None:
    """Writes the report of a record as one HTML file.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    write_bytes(path, page(record).encode())


def page(record: Record) -> str:
    """The report of a record as HTML.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    # first, so that what is missing is said before anything is drawn
    found = template("report.html.j2")
    shared, groups = claim_groups(record)
    parts = sections(record)
    values = {
        "record": record,
        "title": title(record),
        "headline": headline(record),
        "tally": tally(record),
        "sentences": summary_sentences(record),
        "cautions": [*unverified(record), *cautions(record)],
        "contradictions": contradictions(record),
        "agreements": agreements(record.verdicts),
        "tiles": tiles(record),
        "question": question(record),
        "rule": shared,
        "groups": groups,
        "sections": parts,
        "figures": figures_of(parts, inline_figures(record)),
        "settings": settings(record.spec),
        "origin": origin(record),
    }
    return str(found.render(values))


def figures_of(parts: Sequence[Section], drawn: Mapping[str, InlineFigure]) -> dict[str, InlineFigure]:
    """The figures of each section as one, by the section's id; none where nothing was measured."""
    shown = {}
    for section in parts:
        found = [drawn[name] for name in section.figures if name in drawn]
        if found:
            panels = tuple(panel for figure in found for panel in figure.panels)
            shown[section.id] = InlineFigure(panels, max(figure.width for figure in found))
    return shown
