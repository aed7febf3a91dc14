"""The page of mask stability."""

from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.accuracy import accuracy_table
from maskscope.report.blocks.core import core_section
from maskscope.report.blocks.masks import histogram_section, weights_section
from maskscope.report.blocks.overlap import overlap_table
from maskscope.report.blocks.quantities import quantities_section
from maskscope.report.blocks.spread import points_note
from maskscope.report.drawing.scores import accuracy_panels
from maskscope.report.page import Page
from maskscope.report.section import Figure, Section, present, short_or_folded
from maskscope.studies.mask_stability.drawing import picture_panels, stability_panels
from maskscope.studies.mask_stability.tables import MEANS, SAME_PAIR, stability_table
from maskscope.studies.mask_stability.words import answer, cautions, key_numbers, question, sentences

# a longer table is folded
_LONG = 16


def sections(record: MaskRecord[Any]) -> list[Section]:
    """The sections between the claims and the settings."""
    return present(
        _overlap(record),
        core_section(record),
        _accuracy(record),
        weights_section(record),
        histogram_section(record),
        quantities_section(record),
    )


def _overlap(record: MaskRecord[Any]) -> Section:
    table = stability_table(record)
    shown, folded = short_or_folded(table, _LONG)
    return Section(
        "stability",
        "Overlap of masks for the same classes, and for different ones",
        (
            "IoU of whole masks: weights that both keep, over weights that one of them keeps. The floor is what masks of these "
            "sizes share when nothing else is known. Masks for different pairs stand beside those for the same pair: what these "
            "have in common as well is due to the network, and not to the classes.",
        ),
        (Figure("stability", partial(stability_panels, record)),),
        "Grey tick: floor. " + points_note(len(record.seeds)),
        shown,
        (*folded, overlap_table(record)),
        # masks for different pairs one by one are on the page
        terminal=(table.only(SAME_PAIR, MEANS),),
    )


def _accuracy(record: MaskRecord[Any]) -> Section:
    return Section(
        "accuracy",
        "Accuracy under each mask",
        (
            "A mask that was found with the images of two classes has to tell these two apart, and nothing else: what it makes "
            "of the other classes says nothing about it.",
        ),
        (Figure("accuracy", partial(accuracy_panels, record)),),
        f"Means over {len(record.seeds)} networks; the stronger the colour, the closer to 100 %. Spread and "
        "intervals are in the table.",
        folded=(accuracy_table(record, "class"),),
    )


def _picture(record: MaskRecord[Any]) -> Figure:
    return Figure(
        "picture",
        partial(picture_panels, record),
        "Weights that two masks both keep, over those that one of them keeps (IoU), for masks of the same pair of classes and "
        f"for masks of different pairs; grey: what masks of these sizes share by chance. {points_note(len(record.seeds))}",
    )


PAGE = Page(question, answer, sentences, cautions, key_numbers, sections, _picture)
