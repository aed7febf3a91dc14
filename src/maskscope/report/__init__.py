"""Records to tables, figures and one HTML page; reads records, never runs anything."""

from maskscope.report.compare import ComparedQuantity, Comparison, comparison, show_comparison
from maskscope.report.figures import write_figures
from maskscope.report.formats import write_tables
from maskscope.report.page import write_report
from maskscope.report.terminal import show_record

__all__ = [
    "ComparedQuantity",
    "Comparison",
    "comparison",
    "show_comparison",
    "show_record",
    "write_figures",
    "write_report",
    "write_tables",
]
