"""Everything that is written about a record: tables, figures, the atlas of its masks and the page."""

from pathlib import Path
from typing import Any

from maskscope.atlases import write_run_atlas
from maskscope.engine.records.record import Record
from maskscope.report.page import Page
from maskscope.report.readings.figures import figures_of, write_figures
from maskscope.report.readings.files import write_tables
from maskscope.report.readings.html import write_report


def write_everything(record: Record, page: Page[Any], folder: Path) -> Path:
    """Writes tables, figures and the page of a record into a run folder, and the atlas of its masks if they are there and few.

    Returns:
        The page's path.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    write_tables(record, page, folder / "tables")
    write_figures(figures_of(record, page), folder / "figures")
    write_run_atlas(folder)  # before the page, which names what lies beside it
    write_report(record, page, folder / "report.html")
    return folder / "report.html"
