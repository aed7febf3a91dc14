"""The figure of mask stability: repeats of masks beside masks for different pairs of classes."""

from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.floored_bars import Row, floored_bars
from maskscope.report.drawing.panel import FUNCTION_COLOURS, WHOLE_COLOUR, Panel
from maskscope.report.over_networks import function_pairs, overlap, overlap_floor, paired_names
from maskscope.studies.mask_stability.tables import DIFFERENT, SAME, mean_floor

_LABEL = "IoU (1: the same weights)"


def picture_panels(record: MaskRecord[Any]) -> list[Panel]:
    """How alike two masks for the same classes are, and masks for different ones, beside what sizes alone give."""
    rows: list[Row] = []
    for label, measure, colour in (
        ("two masks,\nsame classes", SAME, FUNCTION_COLOURS[0]),
        ("two masks,\ndifferent classes", DIFFERENT, WHOLE_COLOUR),
    ):
        one = record.quantity(measure)
        rows += [(label, one.summary, mean_floor(record, same=measure == SAME), colour)] if one else []
    return [floored_bars("picture-stability", "How alike two masks are", rows, _LABEL, [], "chance")] if rows else []


def stability_panels(record: MaskRecord[Any]) -> list[Panel]:
    """IoU of repeats for each pair of classes, then the mean over these and over masks for different pairs."""
    rows: list[Row] = []
    for name in paired_names(record):
        pair = (name, name)
        found, floor = overlap(record, pair, None, "iou"), overlap_floor(record, pair, None, "iou")
        rows += [(name, found, floor, FUNCTION_COLOURS[0])] if found.values and pair in function_pairs(record) else []
    for label, measure, colour in (
        ("same pair, mean", SAME, FUNCTION_COLOURS[0]),
        ("different pairs, mean", DIFFERENT, WHOLE_COLOUR),
    ):
        one = record.quantity(measure)
        rows += [(label, one.summary, mean_floor(record, same=measure == SAME), colour)] if one else []
    if not rows:
        return []
    legend = [("same pair", FUNCTION_COLOURS[0]), ("different pairs", WHOLE_COLOUR)]
    return [floored_bars("stability", "IoU of whole masks", rows, _LABEL, legend)]
