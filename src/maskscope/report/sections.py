"""The report as values: its sections in order, each with the words that say what to see."""

from dataclasses import dataclass

from maskscope.experiments.record import Record
from maskscope.report.across import WHOLE, few, few_pairs, has_untrained, mask_names, networks
from maskscope.report.headline import removal_sentences, title
from maskscope.report.numbers import POINTS_BELOW, count_text, duration_text, in_words
from maskscope.report.tables import (
    INVERSE,
    NETWORK,
    RANDOM,
    TOP,
    UNDER,
    UNTRAINED,
    Table,
    accuracy_table,
    confusion_table,
    overlap_table,
    quantities_table,
    sharing_table,
    weights_table,
)


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Args:
        id: of its anchor.
        title: its heading.
        text: what it shows and how to read it, a paragraph each.
        figures: names of its figures.
        caption: under the figures.
        tables: shown.
        folded: shown when opened.
    """

    id: str
    title: str
    text: tuple[str, ...]
    figures: tuple[str, ...] = ()
    caption: str = ""
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()


_OVERLAP_CAPTION = (
    "Grey tick: floor. Coloured ticks: ceilings, one for each function. Band: from floor to highest ceiling. Black: the "
    "overlap that was found between the masks of different functions, with each network and the 95 % t-interval."
)
_MATRIX_CAPTION = (
    "Mean over networks, over all tensors. Diagonal: two masks for one function, the ceiling for its row and column; the floors "
    "are in the table."
)
# a table with more rows is folded
_LONG = 40


def sections(record: Record) -> list[Section]:
    """The sections between the claims and the settings."""
    return [
        _accuracy(record),
        _confusion(record),
        _overlap(record),
        _weights(record),
        _histogram(record),
        _half_mask(record),
        _controls(record),
        _quantities(record),
    ]


def question(record: Record) -> str:
    """What was asked, in a paragraph."""
    functions = in_words(list(record.functions))
    return (
        f"{title(record)}: {count_text(len(networks(record)), 'network')}, trained to perform {functions}. For each "
        f"function a "
        "binary mask over the frozen weights was learned: it keeps the weights that this function needs and removes the "
        "others. Do the functions live in different weights, and does each mask hold its function?"
    )


def spread_note(record: Record) -> str:
    """How the figures show spread."""
    n = len(networks(record))
    if n == 1:
        return "One network: its value, no interval."
    if not few(record.functions):
        return f"Means over {n} networks; the darker, the closer to 100 %. Spread and intervals are in the tables."
    points = "circles: each network; " if n < POINTS_BELOW else ""
    return f"Thick tick: mean over {n} networks; {points}line: 95 % t-interval of the mean (it may run past 0 or 100 %)."


def settings(record: Record) -> list[tuple[str, str]]:
    """All settings, by dotted name."""
    return [*_flat("", record.spec)]


def origin(record: Record) -> list[tuple[str, str]]:
    """Seeds, versions, machine, duration."""
    made = record.provenance
    total = sum(made.seconds.values(), 0.0)
    return [
        ("experiment", record.experiment),
        ("preset", record.preset),
        ("seeds", ", ".join(str(seed) for seed in record.seeds)),
        ("maskscope", f"{made.maskscope} (source {made.code})"),
        *made.versions.items(),
        *made.machine.items(),
        ("device", made.device),
        ("threads a process", str(made.threads)),
        *((f"time: {kind}", duration_text(seconds)) for kind, seconds in made.seconds.items()),
        ("time, summed over processes", duration_text(total)),
    ]


def _accuracy(record: Record) -> Section:
    return Section(
        "accuracy",
        "Accuracy under each mask",
        (
            "A mask is sufficient if the network still performs its function with nothing but the mask's weights, and "
            "specific if it then fails at the others. It is necessary if the function is lost when the mask's weights are "
            "removed.",
            *([" ".join(removal_sentences(record))] if removal_sentences(record) else []),
        ),
        ("accuracy",),
        "First: only the mask's weights are kept. Second: only they are removed. " + spread_note(record),
        (accuracy_table(record).only(NETWORK, UNDER, INVERSE),),
    )


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


def _overlap(record: Record) -> Section:
    by_layer = overlap_table(record)
    long = len(by_layer.rows) > _LONG
    return Section(
        "overlap",
        "Overlap of the masks, by layer",
        (
            "An overlap means little by itself. The floor is what masks of these sizes share when nothing else is known "
            "(independent masks of the same density). The ceiling is what two masks for one function on the same network "
            "share, found with other noise and other data order: masks cannot be expected to agree more than that.",
            "Normalised sharing puts the Dice overlap on that scale, 0 at the floor and 1 at the ceiling. Above 0 means more "
            "overlap than density gives; that alone is no evidence of reuse.",
        ),
        ("sharing", "overlap"),
        _OVERLAP_CAPTION if few_pairs(record) else _MATRIX_CAPTION,
        () if long else (by_layer,),
        (sharing_table(record), by_layer) if long else (sharing_table(record),),
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
        ),
        ("histogram",),
        "Weights by keep probability (logarithmic), mean over networks. Shaded: undecided, from .05 to .95; the share of "
        "weights there is given.",
    )


def _half_mask(record: Record) -> Section:
    return Section(
        "half-mask",
        "Half-mask test",
        (
            "The full mask applied to the early tensors only, or to the late ones only, the rest of the network left whole. "
            "If accuracy falls, the two halves of the mask depend on each other.",
            f"Early tensors: {_early(record)}.",
        ),
        ("half-mask",),
        spread_note(record),
    )


def _controls(record: Record) -> Section:
    untrained = (
        " The same procedure on the untrained network says how much of a function a mask can make out of random weights."
        if has_untrained(record)
        else " The untrained control was not run."
    )
    return Section(
        "controls",
        "Controls",
        (
            "Could something simpler do the same? The weights of largest |weight × gradient|, as many in each tensor as the "
            "mask keeps, are what a mask has to beat; removing as many random weights is what its removal has to beat."
            + untrained,
        ),
        ("controls",),
        "First: the mask should keep more of its function than the controls keep. Second: removing its weights should leave "
        "less than removing random ones. " + spread_note(record),
        (accuracy_table(record).only(TOP, RANDOM, UNTRAINED),),
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


def _early(record: Record) -> str:
    names = [[", ".join(half.early) for half in network.half_masks] for network in networks(record) if network.half_masks]
    return "; or ".join(names[0]) if names else f"not measured{'' if WHOLE in mask_names(record) else ', there is no full mask'}"


def _flat(name: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _flat(f"{name}.{key}" if name else str(key), inner)]
    if isinstance(value, list | tuple):
        return [(name, ", ".join(str(item) for item in value))]
    return [(name, f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value))]
