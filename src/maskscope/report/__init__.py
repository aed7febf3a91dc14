"""Records to tables, figures and one HTML page; reads records, never runs anything."""

from maskscope.report.compare import ComparedQuantity, Comparison, comparison, show_comparison
from maskscope.report.everything import write_everything
from maskscope.report.figures import write_figures
from maskscope.report.formats import write_tables
from maskscope.report.html import html_page, write_report
from maskscope.report.key_number import KeyNumber
from maskscope.report.page import Page
from maskscope.report.section import Figure, Section
from maskscope.report.sweep.page import show_sweep, write_sweep_figures, write_sweep_report, write_sweep_tables
from maskscope.report.terminal import show_claims, show_record

__all__ = [
    "ComparedQuantity",
    "Comparison",
    "Figure",
    "KeyNumber",
    "Page",
    "Section",
    "comparison",
    "html_page",
    "show_claims",
    "show_comparison",
    "show_record",
    "show_sweep",
    "write_everything",
    "write_figures",
    "write_report",
    "write_sweep_figures",
    "write_sweep_report",
    "write_sweep_tables",
    "write_tables",
]
