"""The report as values: its sections in order, each with the words that say what to see."""

from maskscope.experiments.record import Record
from maskscope.report.across import (
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
from maskscope.report.headline import further_sentences
from maskscope.report.numbers import count_text, in_words, mean_text
from maskscope.report.overlap_sections import copied_section, core_section, null_section, overlap_section
from maskscope.report.section import Section, spread_note
from maskscope.report.tables import (
    INVERSE,
    INVERSE_IO,
    NETWORK,
    RANDOM,
    TOP,
    UNDER,
    accuracy_table,
    confusion_table,
    quantities_table,
    removal_table,
    weights_table,
)


def sections(record: Record) -> list[Section]:
    """The sections between the claims and the settings."""
    found = [
        _accuracy(record),
        _confusion(record),
        overlap_section(record),
        null_section(record),
        core_section(record),
        copied_section(record),
        _weights(record),
        _histogram(record),
        _half_mask(record),
        _controls(record),
        _quantities(record),
    ]
    return [section for section in found if section]


def _accuracy(record: Record) -> Section:
    by_mask = accuracy_table(record).only(NETWORK, UNDER, INVERSE, INVERSE_IO)
    as_paper = removal_table(record).only(*_groups(record, "trained"))
    hidden = any(row.group == INVERSE_IO for row in by_mask.rows)
    first_full = (
        "Input and output weights that two places have for themselves are needed by one of them only, so that removing them "
        "proves little. In the last of the panels, and in the rows below it in the table, they are left to the full mask "
        "(the paper's first-full-mask control): what is lost then is lost by hidden weights."
    )
    third = " Third: only hidden ones of them are removed." if hidden else ""
    return Section(
        "accuracy",
        "Accuracy under each mask",
        (
            "A mask is sufficient if the network still performs its function with nothing but the mask's weights, and "
            "specific if it then fails at the others. It is necessary if the function is lost when the mask's weights are "
            "removed.",
            *([" ".join(further_sentences(record))] if further_sentences(record) else []),
            *([first_full] if hidden else []),
        ),
        ("accuracy",),
        f"First: only the mask's weights are kept. Second: only they are removed.{third} " + spread_note(record),
        (as_paper if as_paper.rows else by_mask,),
        (by_mask,) if as_paper.rows else (),
    )


def _groups(record: Record, variant: str) -> list[str]:
    start = next(words for name, words in VARIANTS.items() if name == variant)
    return list(dict.fromkeys(row.group for row in removal_table(record).rows if row.group.startswith(start)))


def _confusion(record: Record) -> Section:
    return Section(
        "confusion",
        "Whose answer was given",
        ("When a function is lost, does the network do the other one instead, or something that is neither?",),
        ("confusion",),
        "Rows: the function that was asked for. Columns: the function whose answer was given, in percent of all inputs (mean "
        "over networks). Where two functions have the same result a right answer counts for both.",
        folded=(confusion_table(record),),
    )


def _weights(record: Record) -> Section:
    return Section(
        "weights",
        "Weights kept, by layer",
        ("The fewer weights a mask keeps, the more it says that they suffice.",),
        ("weights",),
        spread_note(record),
        (weights_table(record),),
    )


def _histogram(record: Record) -> Section:
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


def _half_mask(record: Record) -> Section:
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


def _controls(record: Record) -> Section:
    run = null_controls(record)
    names = in_words([VARIANTS[variant][:1].lower() + VARIANTS[variant][1:] for variant in run])
    missing = in_words([variant for variant in ("untrained", "shuffled-weights", "shuffled-labels") if variant not in run])
    text = []
    if run:
        text.append(
            f"The same procedure where there is nothing to find says how much of a function a mask makes by itself: {names}."
        )
    if missing:
        text.append(f"Not run: {missing}; run again with {'it' if ' and ' not in missing else 'them'} among --controls.")
    return Section(
        "controls",
        "Controls",
        (
            "Could something simpler do the same? The weights of largest |weight × gradient|, as many in each tensor as the "
            "mask keeps, are what a mask has to beat; removing as many random weights is what its removal has to beat.",
            " ".join(text),
        ),
        ("controls",),
        "First: the mask should keep more of its function than the controls keep. Second: removing its weights should leave "
        "less than removing random ones. " + spread_note(record),
        (controls_table(record), accuracy_table(record).only(TOP, RANDOM)),
        (accuracy_table(record).only(*(VARIANTS[variant] for variant in run)),) if run and not few(record.functions) else (),
    )


def _quantities(record: Record) -> Section:
    return Section(
        "quantities",
        "Every number",
        (
            "Mean ± sample standard deviation over networks, and the value of each network. With one network there is no "
            "spread and no interval. What has no value is undefined, never 0.",
        ),
        folded=(quantities_table(record),),
    )
