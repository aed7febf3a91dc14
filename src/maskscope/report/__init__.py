"""Records to tables, figures and one HTML page; reads records, never runs anything."""

from maskscope.report.claims_overview import record_in_words, show_claims, show_studies_of_claims
from maskscope.report.compare import ComparedQuantity, Comparison, comparison, show_comparison
from maskscope.report.key_number import KeyNumber
from maskscope.report.page import Page
from maskscope.report.readings.everything import write_everything
from maskscope.report.readings.figures import NamedFigure, figures_of, write_figure, write_figures
from maskscope.report.readings.files import write_tables
from maskscope.report.readings.html import html_page, write_report
from maskscope.report.readings.terminal import show_record
from maskscope.report.section import Figure, Section
from maskscope.report.sweep.page import show_sweep, sweep_figures, write_sweep

__all__ = [
    "ComparedQuantity",
    "Comparison",
    "Figure",
    "KeyNumber",
    "NamedFigure",
    "Page",
    "Section",
    "comparison",
    "figures_of",
    "html_page",
    "record_in_words",
    "show_claims",
    "show_comparison",
    "show_record",
    "show_studies_of_claims",
    "show_sweep",
    "sweep_figures",
    "write_everything",
    "write_figure",
    "write_figures",
    "write_report",
    "write_sweep",
    "write_tables",
]
