"""How figures are drawn; imported only where matplotlib is known to be wanted (`maskscope.report.figures`)."""

from maskscope.experiments.record import Record
from maskscope.report.drawing.canvas import Panel, files, svg
from maskscope.report.drawing.overlaps import null_panels, overlap_panels, sharing_panels
from maskscope.report.drawing.scores import accuracy_panels, confusion_panels, control_panels, half_mask_panels
from maskscope.report.drawing.sweeps import sweep_panels
from maskscope.report.drawing.weights import histogram_panels, weights_panels

__all__ = ["Panel", "all_panels", "files", "svg", "sweep_panels"]


def all_panels(record: Record) -> dict[str, list[Panel]]:
    """The panels of every figure that the record has numbers for, by the figure's name."""
    figures = {
        "accuracy": accuracy_panels(record),
        "confusion": confusion_panels(record),
        "sharing": sharing_panels(record),
        "overlap": overlap_panels(record),
        "null": null_panels(record),
        "copied-io": accuracy_panels(record, "copied-io"),
        "copied-io-overlap": overlap_panels(record, "copied-io"),
        "weights": weights_panels(record),
        "histogram": histogram_panels(record),
        "half-mask": half_mask_panels(record),
        "controls": control_panels(record),
    }
    return {name: panels for name, panels in figures.items() if panels}
