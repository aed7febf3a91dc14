"""Sections that several kinds of study have: weights kept, keep probabilities, the half-mask test, every number."""

from maskscope.experiments.record import Record
from maskscope.report.across import WHOLE, below_and_above, half_mask_drop, mask_label, mask_names, networks
from maskscope.report.control_tables import half_mask_table
from maskscope.report.numbers import count_text, mean_text
from maskscope.report.section import Section, spread_note
from maskscope.report.tables import quantities_table, weights_table

# a longer table is folded
_LONG = 40


def weights_section(record: Record) -> Section:
    """Weights kept by tensor."""
    table = weights_table(record)
    return Section(
        "weights",
        "Weights kept, by layer",
        ("The fewer weights a mask keeps, the more it says that they suffice.",),
        ("weights",),
        spread_note(record),
        (table,) if len(table.rows) <= _LONG else (),
        (table,) if len(table.rows) > _LONG else (),
    )


def histogram_section(record: Record) -> Section:
    """Keep probabilities."""
    return Section(
        "histogram",
        "Keep probabilities",
        (
            "Each weight has a learned probability of being kept; a mask keeps those above one half. Cutting there is safe "
            "if nearly all weights are near 0 or 1.",
            *_masses(record),
        ),
        ("histogram",),
        "Weights by keep probability, mean over networks; logarithmic, since on a linear axis the first bin hides all others. "
        "Shaded: undecided, from .05 to .95. The shares of all maskable weights below, in and above that range are given.",
    )


def _masses(record: Record) -> list[str]:
    """Where nearly all mass is, for the full mask or, without one, for the first function's."""
    for name in mask_names(record)[:1]:
        below, above = below_and_above(record, name)
        if below.n:
            shares = f"{mean_text(below, 'percent')} of the weights lie below .05 and {mean_text(above, 'percent')} above .95"
            return [f"Of the {mask_label(name)}, {shares}."]
    return []


def half_mask_section(record: Record) -> Section:
    """The full mask on a part of the tensors only."""
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
            "If accuracy falls, the two halves of the mask depend on each other.",
            _early(record),
            *([lost.replace("\u00a0%", "")] if early.n else []),
        ),
        ("half-mask",),
        "Accuracy that is lost, against the full mask everywhere. "
        + ("Grey: each choice of early tensors on each network. " if choices > 1 else "")
        + spread_note(record),
        folded=(half_mask_table(record),),
    )


def _early(record: Record) -> str:
    choices = [[", ".join(half.early) for half in network.half_masks] for network in networks(record) if network.half_masks]
    if not choices:
        return f"Not measured{'' if WHOLE in mask_names(record) else ': there is no full mask'}."
    if len(choices[0]) == 1:
        return f"Early tensors: {choices[0][0]}."
    return f"{count_text(len(choices[0]), 'random choice')} of early tensors on each network; they are in the table."


def quantities_section(record: Record) -> Section:
    """Every quantity of the record."""
    return Section(
        "quantities",
        "Every number",
        (
            "Mean ± sample standard deviation over networks, and the value of each network. With one network there is no "
            "spread and no interval. What has no value is undefined, never 0.",
        ),
        folded=(quantities_table(record),),
    )
