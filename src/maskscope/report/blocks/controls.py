"""What a mask has to beat: simpler choices of weights, and the same procedure where there is nothing to find."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from maskscope.procedure.controls import SHUFFLED_LABELS, SHUFFLED_WEIGHTS, UNTRAINED
from maskscope.procedure.record import MaskRecord
from maskscope.procedure.result import NetworkResult
from maskscope.report.blocks.accuracy import RANDOM, TOP
from maskscope.report.blocks.spread import spread_note
from maskscope.report.drawing.scores import control_panels
from maskscope.report.numbers import Number, in_words, number_of
from maskscope.report.over_networks import (
    WHOLE,
    few,
    mask_names,
    networks,
    null_controls,
    over_networks,
    own_function,
)
from maskscope.report.section import Figure, Section
from maskscope.report.table import Cell, Row, Table, columns

# null controls that most studies can be run with
OFFERED = (UNTRAINED.name, SHUFFLED_WEIGHTS.name, SHUFFLED_LABELS.name)


def controls_section(
    record: MaskRecord[Any],
    accuracy: Table,
    *notes: str,
    each: str = "Each function",
    offered: Sequence[str] = OFFERED,
    wide: bool = False,
) -> Section:
    """What a mask has to beat: simpler choices of weights, and the same procedure where there is nothing to find.

    Args:
        record: with the numbers.
        accuracy: the whole table of accuracies.
        notes: further paragraphs.
        each: what masks were found for.
        offered: controls that could be run.
        wide: whether accuracies are on so many tests that they are folded.
    """
    run = null_controls(record)
    names = in_words([record.variants[variant][:1].lower() + record.variants[variant][1:] for variant in run])
    missing = in_words([variant for variant in offered if variant not in run])
    text = []
    if run:
        text.append(
            f"The same procedure where there is nothing to find says how much of a function a mask makes by itself: {names}."
        )
    if missing:
        text.append(f"Not run: {missing}; run again with {'it' if ' and ' not in missing else 'them'} among --controls.")
    others, found = accuracy.only(TOP, RANDOM), controls_table(record, each)
    # beside the figure, which has no room for many functions
    by_control = accuracy.only(*(record.variants[variant] for variant in run)) if not few(record.functions) else None
    return Section(
        "controls",
        "Controls",
        (
            "Could something simpler do the same? The weights of largest |weight × gradient|, as many in each tensor as the "
            "mask keeps, are what a mask has to beat; removing as many random weights is what its removal has to beat.",
            *notes,
            *([" ".join(text)] if text else []),
        ),
        (Figure("controls", partial(control_panels, record)),),
        "First: the mask should keep more of its function than the controls keep. Second: removing its weights should leave "
        "less than removing random ones. " + spread_note(record),
        (found,) if wide else (found, others),
        (others,) if wide else (by_control,) if by_control else (),
        terminal=(found,),
    )


def controls_table(record: MaskRecord[Any], each: str = "Each function") -> Table:
    """Each function under the mask that the same procedure finds on a control, beside the trained network's."""
    rows = []
    for function in mask_names(record) if null_controls(record) else ():
        if function != WHOLE:
            rows += [_control_row(record, function, variant) for variant in ("trained", *null_controls(record))]
    titles = ("mask found on", "no mask", "under its mask", "weights kept", "trained network's mask keeps more by")
    title = f"{each}, under the mask that the same procedure finds (%): mean ± sample standard deviation over networks"
    return Table("controls", title, columns(*titles), tuple(rows))


def _control_row(record: MaskRecord[Any], function: str, variant: str) -> Row:
    own = own_function(record, function)
    asked = (("accuracy", "", own), ("sufficiency", function, own), ("density", function, ""))
    found = [record.quantity(*address, variant=variant) for address in asked]
    trained = {network.seed: _kept(network, function, own) for network in networks(record)}

    def more(network: NetworkResult[Any]) -> float:
        return trained.get(network.seed, math.nan) - _kept(network, function, own)

    cells: list[Cell] = [record.variants[variant], *(number_of(one) for one in found)]
    cells.append("" if variant == "trained" else Number(over_networks(record, more, variant=variant), "percent"))
    return Row(function, tuple(cells))


def _kept(network: NetworkResult[Any], mask: str, function: str) -> float:
    found = network.mask(mask)
    return found.sufficiency.accuracy[function] if found else math.nan
