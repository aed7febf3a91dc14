"""The report as values: its sections in order, each with the words that say what to see."""

from collections.abc import Callable, Mapping

from maskscope.procedure.result import Record
from maskscope.report.across import VARIANTS
from maskscope.report.class_sections import removal_sections
from maskscope.report.growth_sections import growth_sections
from maskscope.report.headline import further_sentences
from maskscope.report.kinds import Kind, kind_of
from maskscope.report.mask_sections import (
    controls_section,
    half_mask_section,
    histogram_section,
    quantities_section,
    weights_section,
)
from maskscope.report.overlap_sections import copied_section, core_section, null_section, overlap_section
from maskscope.report.section import Section, spread_note
from maskscope.report.sequence_sections import sequence_sections
from maskscope.report.stability_sections import stability_sections
from maskscope.report.tables import (
    INVERSE,
    INVERSE_IO,
    NETWORK,
    UNDER,
    accuracy_table,
    confusion_table,
    removal_table,
)


def sections(record: Record) -> list[Section]:
    """The sections between the claims and the settings."""
    return _SECTIONS[kind_of(record)](record)


def _sections(record: Record) -> list[Section]:
    found = [
        _accuracy(record),
        _confusion(record),
        overlap_section(record),
        null_section(record),
        core_section(record),
        copied_section(record),
        weights_section(record),
        histogram_section(record),
        half_mask_section(record),
        controls_section(record),
        quantities_section(record),
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


_SECTIONS: Mapping[Kind, Callable[[Record], list[Section]]] = {
    "functions": _sections,
    "removal": removal_sections,
    "stability": stability_sections,
    "growth": growth_sections,
    "sequences": sequence_sections,
}
