"""Single masks: weights kept by tensor, and keep probabilities."""

from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.spread import spread_note
from maskscope.report.drawing.weights import histogram_panels, weights_panels
from maskscope.report.numbers import Number, mean_text
from maskscope.report.over_networks import below_and_above, kept_share, mask_label, mask_names, maskable, tensor_names
from maskscope.report.section import Figure, Section, short_or_folded
from maskscope.report.table import Row, Table, columns


def weights_section(record: MaskRecord[Any]) -> Section:
    """Weights kept by tensor."""
    table = weights_table(record)
    return Section(
        "weights",
        "Weights kept, by layer",
        ("The fewer weights a mask keeps, the more it says that they suffice.",),
        (Figure("weights", partial(weights_panels, record)),),
        spread_note(record),
        *short_or_folded(table),
    )


def histogram_section(record: MaskRecord[Any]) -> Section:
    """Keep probabilities."""
    return Section(
        "histogram",
        "Keep probabilities",
        (
            "Each weight has a learned probability of being kept; a mask keeps those above one half. Cutting there is safe "
            "if nearly all weights are near 0 or 1.",
            *_masses(record),
        ),
        (Figure("histogram", partial(histogram_panels, record)),),
        "Weights by keep probability, mean over networks; logarithmic, since on a linear axis the first bin hides all others. "
        "Shaded: undecided, from .05 to .95. The shares of all maskable weights below, in and above that range are given.",
    )


def _masses(record: MaskRecord[Any]) -> list[str]:
    """Where nearly all mass is, for the full mask or, without one, for the first function's."""
    for name in mask_names(record)[:1]:
        below, above = below_and_above(record, name)
        if below.n:
            shares = f"{mean_text(below, 'percent')} of the weights lie below .05 and {mean_text(above, 'percent')} above .95"
            return [f"Of the {mask_label(name)}, {shares}."]
    return []


def weights_table(record: MaskRecord[Any]) -> Table:
    """Share of weights that each mask keeps, by tensor."""
    masks = mask_names(record)
    rows = [
        Row(
            "",
            (
                tensor or "all tensors",
                maskable(record, tensor),
                *(Number(kept_share(record, mask, tensor), "percent") for mask in masks),
            ),
        )
        for tensor in (*tensor_names(record), None)
    ]
    title = "Share of weights kept (%): mean ± sample standard deviation over networks"
    return Table("weights", title, columns("tensor", "weights", *(mask_label(mask) for mask in masks)), tuple(rows))
