"""The sections of a study of mask stability."""

from maskscope.procedure.result import Record
from maskscope.report.kinds import sample_size
from maskscope.report.mask_sections import histogram_section, quantities_section, weights_section
from maskscope.report.overlap_sections import core_section
from maskscope.report.overlap_tables import overlap_table
from maskscope.report.section import Section, points_note
from maskscope.report.stability import stability_table
from maskscope.report.tables import accuracy_table

_LONG = 16


def stability_sections(record: Record) -> list[Section]:
    """The sections between the claims and the settings."""
    found = [
        _overlap(record),
        core_section(record),
        _accuracy(record),
        weights_section(record),
        histogram_section(record),
        quantities_section(record),
    ]
    return [section for section in found if section]


def _overlap(record: Record) -> Section:
    table = stability_table(record)
    short = len(table.rows) <= _LONG
    return Section(
        "stability",
        "Overlap of masks for the same classes, and for different ones",
        (
            "IoU of whole masks: weights that both keep, over weights that one of them keeps. The floor is what masks of these "
            "sizes share when nothing else is known. Masks for different pairs stand beside those for the same pair: what these "
            "have in common as well is due to the network, and not to the classes.",
        ),
        ("stability",),
        "Grey tick: floor. " + points_note(sample_size(record)),
        (table,) if short else (),
        (*(() if short else (table,)), overlap_table(record)),
    )


def _accuracy(record: Record) -> Section:
    return Section(
        "accuracy",
        "Accuracy under each mask",
        (
            "A mask that was found with the images of two classes has to tell these two apart, and nothing else: what it makes "
            "of the other classes says nothing about it.",
        ),
        ("accuracy",),
        f"Means over {sample_size(record)} networks; the darker, the closer to 100 %. Spread and intervals are in the table.",
        folded=(accuracy_table(record),),
    )
