"""Records to tables, figures and one HTML page; reads records, never runs anything."""

from maskscope.report.claims_overview import show_claims
from maskscope.report.compare import ComparedQuantity, Comparison, comparison, show_comparison
from maskscope.report.figures import write_figures, write_sweep_figures
from maskscope.report.formats import write_sweep_tables, write_tables
from maskscope.report.page import write_report
from maskscope.report.sweep_page import show_sweep, write_sweep_report
from maskscope.report.terminal import show_record

__all__ = [
    "ComparedQuantity",
    "Comparison",
    "comparison",
    "show_claims",
    "show_comparison",
    "show_record",
    "show_sweep",
    "write_figures",
    "write_report",
    "write_sweep_figures",
    "write_sweep_report",
    "write_sweep_tables",
    "write_tables",
]
