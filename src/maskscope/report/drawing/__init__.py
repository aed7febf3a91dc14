"""How figures are drawn; imported only where matplotlib is known to be wanted (`maskscope.report.figures`)."""

from collections.abc import Callable, Mapping

from maskscope.procedure.result import Record
from maskscope.report.across import function_pairs, repeated
from maskscope.report.drawing.canvas import Panel, files, svg
from maskscope.report.drawing.classes import (
    class_confusion_panels,
    cosine_panels,
    drop_panels,
    layer_panels,
    owned_removal_panels,
)
from maskscope.report.drawing.filters import filter_panels
from maskscope.report.drawing.growth import shared_panels, task_panels
from maskscope.report.drawing.overlaps import null_panels, overlap_panels, sharing_panels
from maskscope.report.drawing.pairs import owned_overlap_panels, stability_panels
from maskscope.report.drawing.scores import accuracy_panels, confusion_panels, control_panels, half_mask_panels
from maskscope.report.drawing.sequences import output_panels, sequence_panels
from maskscope.report.drawing.sweeps import sweep_panels
from maskscope.report.drawing.weights import histogram_panels, weights_panels
from maskscope.report.kinds import Kind, kind_of

__all__ = ["Panel", "all_panels", "files", "svg", "sweep_panels"]


def all_panels(record: Record) -> dict[str, list[Panel]]:
    """The panels of every figure that the record has numbers for, by the figure's name."""
    figures = _FIGURES[kind_of(record)](record)
    return {name: panels for name, panels in figures.items() if panels}


def _of_functions(record: Record) -> dict[str, list[Panel]]:
    return {
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


def _of_removal(record: Record) -> dict[str, list[Panel]]:
    return {
        "class-confusion": class_confusion_panels(record),
        "class-drops": drop_panels(record),
        "class-layers": layer_panels(record),
        "owned-removal": owned_removal_panels(record),
        "owned-overlap": owned_overlap_panels(record),
        "filters": filter_panels(record),
        "gradient-cosine": cosine_panels(record),
        "weights": weights_panels(record),
        "histogram": histogram_panels(record),
        "half-mask": half_mask_panels(record),
    }


def _of_stability(record: Record) -> dict[str, list[Panel]]:
    return {
        "stability": stability_panels(record),
        "accuracy": accuracy_panels(record),
        "weights": weights_panels(record),
        "histogram": histogram_panels(record),
    }


def _of_growth(record: Record) -> dict[str, list[Panel]]:
    return {"growth-shared": shared_panels(record), "growth-tasks": task_panels(record)}


def _of_sequences(record: Record) -> dict[str, list[Panel]]:
    shared = function_pairs(record)
    return {
        "sequence-accuracy": sequence_panels(record),
        "output-rows": output_panels(record),
        "sharing": sharing_panels(record) if shared and repeated(record) else [],
        "overlap": overlap_panels(record) if shared else [],
        "weights": weights_panels(record),
        "histogram": histogram_panels(record),
        "half-mask": half_mask_panels(record),
        "controls": control_panels(record),
    }


_FIGURES: Mapping[Kind, Callable[[Record], dict[str, list[Panel]]]] = {
    "functions": _of_functions,
    "removal": _of_removal,
    "stability": _of_stability,
    "growth": _of_growth,
    "sequences": _of_sequences,
}
