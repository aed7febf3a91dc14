"""The half-mask test: the full mask on a part of the tensors only."""

from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.spread import points_note
from maskscope.report.drawing.scores import half_mask_panels
from maskscope.report.numbers import Points, count_text, mean_text
from maskscope.report.over_networks import WHOLE, half_mask_drop, mask_names, networks, whole_procedures
from maskscope.report.section import Figure, Section
from maskscope.report.table import Cell, Row, Table, columns


def half_mask_section(record: MaskRecord[Any], test: str = "") -> Section:
    """The full mask on a part of the tensors only.

    Args:
        record: with the numbers.
        test: whose accuracy it is; empty for that over all functions.
    """
    choices = max((len(network.half_masks) for network in networks(record)), default=0)
    early, late = half_mask_drop(record, "early_masked"), half_mask_drop(record, "late_masked")
    lost = (
        f"Accuracy falls by {mean_text(early, 'percent')} with the mask on the early tensors only, by "
        f"{mean_text(late, 'percent')} on the others only (percentage points)."
    )
    return Section(
        "half-mask",
        "Half-mask test",
        (
            "The full mask applied to the early tensors only, or to the others only, the rest of the network left whole. "
            "If accuracy falls, the two halves of the mask depend on each other."
            + (f" Accuracy is that on test {test}." if test else ""),
            _early(record),
            *([lost.replace("\u00a0%", "")] if early.n else []),
        ),
        (Figure("half-mask", partial(half_mask_panels, record)),),
        "Accuracy that is lost, against the full mask everywhere. "
        + ("Grey: each choice of early tensors on each network. " if choices > 1 else "")
        + points_note(len(record.seeds)),
        folded=(half_mask_table(record, test),),
    )


def _early(record: MaskRecord[Any]) -> str:
    choices = [[", ".join(half.early) for half in network.half_masks] for network in networks(record) if network.half_masks]
    if not choices:
        return f"Not measured{'' if WHOLE in mask_names(record) else ': there is no full mask'}."
    if len(choices[0]) == 1:
        return f"Early tensors: {choices[0][0]}."
    return f"{count_text(len(choices[0]), 'random choice')} of early tensors on each network; they are in the table."


def half_mask_table(record: MaskRecord[Any], test: str = "") -> Table:
    """The full mask on some tensors only: accuracy that is lost, for each choice of early tensors on each network."""
    rows = []
    for variant in whole_procedures(record):
        for network in networks(record, variant=variant):
            for half in network.half_masks:
                cells: list[Cell] = [f"seed {network.seed}", ", ".join(half.early)]
                values = (half.full, half.full - half.early_masked, half.full - half.late_masked)
                rows.append(Row(record.variants[variant], (*cells, *(Points((value,), "percent") for value in values))))
    titles = ("network", "early tensors", "mask everywhere", "lost, mask on the early only", "lost, mask on the others only")
    whole = f"test {test}" if test else "all functions"
    return Table("half-mask", f"Half-mask test: accuracy over {whole} (%)", columns(*titles), tuple(rows))
