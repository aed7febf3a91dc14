"""The words that go with the files of a figure: what it shows, of how many networks, and where the numbers are from."""

from collections.abc import Sequence

from maskscope.engine.records.record import Record
from maskscope.engine.sweep.record import SweepRecord
from maskscope.report.drawing.panel import Panel
from maskscope.report.headline import title
from maskscope.report.numbers import INTERVAL_FROM, count_text
from maskscope.report.section import Figure, Section
from maskscope.report.sweep.numbers import networks_of


def about_record(record: Record) -> str:
    """Networks, seeds, study, preset and version of a record, for the caption of its figures."""
    seeds = ", ".join(map(str, record.seeds))
    return (
        f"{_networks(record.sample_size)}, seeds {seeds}. Study: {record.experiment} ({title(record)}), preset {record.preset}. "
        f"Made with maskscope {record.provenance.maskscope}."
    )


def about_sweep(record: SweepRecord) -> str:
    """The same of a sweep."""
    return (
        f"{_networks(networks_of(record))} at each value. Sweep: {record.sweep} of {record.experiment}, preset {record.preset}. "
        f"Made with maskscope {record.provenance.maskscope}."
    )


def caption_text(section: Section, figure: Figure, panels: Sequence[Panel], about: str) -> str:
    """The caption of one figure as plain text: a title, what it shows, its panels, and where the numbers are from."""
    shown = figure.caption or section.caption
    named = "; ".join(panel.title for panel in panels)
    parts = (
        f"{section.title.rstrip('.?')}{'?' if section.title.endswith('?') else '.'}",
        shown,
        f"Panels: {named}" + ("" if named.endswith("…") else "."),
        about,
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _networks(n: int) -> str:
    intervals = "intervals are 95 % t-intervals of the mean" if n >= INTERVAL_FROM else "no intervals"
    return f"n = {count_text(n, 'network')}; {intervals}"
