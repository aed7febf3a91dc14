"""The page of a network with several functions: accuracy under each mask, overlap, controls."""

from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.accuracy import accuracy_section, accuracy_table, confusion_section
from maskscope.report.blocks.answers import answer
from maskscope.report.blocks.controls import controls_section
from maskscope.report.blocks.core import core_section
from maskscope.report.blocks.functions import LEARNED, cautions, further_sentences, key_numbers, question, sentences
from maskscope.report.blocks.half_mask import half_mask_section
from maskscope.report.blocks.masks import histogram_section, weights_section
from maskscope.report.blocks.overlap import overlap_section
from maskscope.report.blocks.picture import functions_picture
from maskscope.report.blocks.quantities import quantities_section
from maskscope.report.cautions import NOTHING_YET
from maskscope.report.over_networks import asks_reuse
from maskscope.report.page import Page
from maskscope.report.scale import family
from maskscope.report.section import Section, present
from maskscope.studies.arithmetic.copied import copied_section
from maskscope.studies.arithmetic.unrelated import null_section

_PLACES = (
    "Two places cannot share the weights of their own inputs and outputs. What they could share is among the hidden weights: "
    "that row is the one to read."
)
_NO_NULL = (
    "No p-values: no networks with an unrelated function were trained. Run again with --unrelated 19, the least that can reach "
    "p = .05."
)


def sections(record: MaskRecord[Any]) -> list[Section]:
    """The sections between the claims and the settings."""
    further = further_sentences(record)
    about_overlap = [*([_PLACES] if asks_reuse(record) else []), *([] if family(record) else [_NO_NULL])]
    return present(
        accuracy_section(record, *([" ".join(further)] if further else [])),
        confusion_section(record),
        overlap_section(record, *about_overlap),
        null_section(record),
        core_section(record),
        copied_section(record),
        weights_section(record),
        histogram_section(record),
        half_mask_section(record),
        controls_section(record, accuracy_table(record)),
        quantities_section(record),
    )


def _answer(record: MaskRecord[Any]) -> str:
    return NOTHING_YET if cautions(record) else answer(record, LEARNED)


PAGE = Page(question, _answer, sentences, cautions, key_numbers, sections, functions_picture)
