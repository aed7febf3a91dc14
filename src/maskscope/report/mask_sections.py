"""Sections that several kinds of study have: weights kept, keep probabilities, half-mask test, controls, every number."""

from maskscope.procedure.result import Record
from maskscope.report.across import (
    NULL_CONTROLS,
    VARIANTS,
    WHOLE,
    below_and_above,
    few,
    half_mask_drop,
    mask_label,
    mask_names,
    networks,
    null_controls,
)
from maskscope.report.control_tables import controls_table, half_mask_table
from maskscope.report.kinds import kind_of, sample_size
from maskscope.report.numbers import count_text, in_words, mean_text
from maskscope.report.section import Section, points_note, spread_note
from maskscope.report.tables import RANDOM, TOP, accuracy_table, quantities_table, weights_table

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
            "If accuracy falls, the two halves of the mask depend on each other."
            + (f" Accuracy is that on test {record.functions[0]}." if kind_of(record) == "sequences" else ""),
            _early(record),
            *([lost.replace("\u00a0%", "")] if early.n else []),
        ),
        ("half-mask",),
        "Accuracy that is lost, against the full mask everywhere. "
        + ("Grey: each choice of early tensors on each network. " if choices > 1 else "")
        + points_note(sample_size(record)),
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


def controls_section(record: Record) -> Section:
    """What a mask has to beat: simpler choices of weights, and the same procedure where there is nothing to find."""
    sequences = kind_of(record) == "sequences"
    run = null_controls(record)
    names = in_words([VARIANTS[variant][:1].lower() + VARIANTS[variant][1:] for variant in run])
    # questions of sequences have no labels to shuffle
    offered = [variant for variant in NULL_CONTROLS if not (sequences and variant == "shuffled-labels")]
    missing = in_words([variant for variant in offered if variant not in run])
    text = []
    if run:
        text.append(
            f"The same procedure where there is nothing to find says how much of a function a mask makes by itself: {names}."
        )
    if missing:
        text.append(f"Not run: {missing}; run again with {'it' if ' and ' not in missing else 'them'} among --controls.")
    others = accuracy_table(record).only(TOP, RANDOM)
    return Section(
        "controls",
        "Controls",
        (
            "Could something simpler do the same? The weights of largest |weight × gradient|, as many in each tensor as the "
            "mask keeps, are what a mask has to beat; removing as many random weights is what its removal has to beat.",
            *(["A mask's own function is here what it was found with, not what it was found without."] if sequences else []),
            *([" ".join(text)] if text else []),
        ),
        ("controls",),
        "First: the mask should keep more of its function than the controls keep. Second: removing its weights should leave "
        "less than removing random ones. " + spread_note(record),
        (controls_table(record), *(() if sequences else (others,))),
        (others,)
        if sequences
        else (accuracy_table(record).only(*(VARIANTS[variant] for variant in run)),)
        if run and not (few(record.functions) or sequences)
        else (),
    )
