"""The page of a user's own network: accuracy under each mask, overlap on its scale, transfer, weights, controls, every number."""

from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.accuracy import accuracy_section, accuracy_table
from maskscope.report.blocks.answers import answer
from maskscope.report.blocks.controls import controls_section
from maskscope.report.blocks.core import core_section
from maskscope.report.blocks.functions import key_numbers, sentences
from maskscope.report.blocks.masks import histogram_section, weights_section
from maskscope.report.blocks.overlap import overlap_section
from maskscope.report.blocks.picture import functions_picture
from maskscope.report.blocks.quantities import quantities_section
from maskscope.report.numbers import count_text, in_words, mean_text
from maskscope.report.page import Page
from maskscope.report.section import Section, present
from maskscope.studies.own.sections.controls import disjoint_section, spike_section
from maskscope.studies.own.sections.curve import curve_section
from maskscope.studies.own.sections.series import series_caution, series_section
from maskscope.studies.own.sections.transfer import transfer_section

# below this score the network does not perform the function
_PERFORMED = 0.5


def question(record: MaskRecord[Any]) -> str:
    """What was asked."""
    return (
        f"Which weights of the network carry {in_words(list(record.functions))}, and are they the same weights? A mask was "
        "sought for each function, with the weights frozen. Accuracy is here the study's own score, which need not be the share "
        f"of right answers. {' '.join(_scored_on(record))}"
    )


def _scored_on(record: MaskRecord[Any]) -> list[str]:
    """A sentence for each kind of data that scores are over: were masks found with them?"""
    words = {
        "held-out parts": "It is over parts of the data that no mask was found with",
        "parts of indices that no search asks for": (
            "It is over parts of indices that no search asked for, and the study's own functions of an index say whether these "
            "are other data"
        ),
        "parts seen in the search": "It is over parts that masks were found with, and tells nothing of other data",
    }
    of = dict(zip(record.functions, record.spec.get("scored_on", ()), strict=False))
    named = {where: [name for name in record.functions if of.get(name) == where] for where in words}
    found = {where: names for where, names in named.items() if names}
    return [words[where] + (f": {in_words(names)}." if len(found) > 1 else ".") for where, names in found.items()]


def cautions(record: MaskRecord[Any]) -> list[str]:
    """That the networks do not perform their functions, if they do not; that checkpoints are no replicates."""
    found = [(name, record.quantity("accuracy", "", name)) for name in _not_performed(record)]
    poor = [f"{mean_text(one.summary, 'percent')} on {name}" for name, one in found if one]
    if not poor:
        return series_caution(record)
    return [
        *series_caution(record),
        f"The score without a mask is {in_words(poor)}, on {count_text(record.sample_size, 'network')}: what the network does "
        "not do, no mask can carry.",
    ]


def _not_performed(record: MaskRecord[Any]) -> list[str]:
    found = [(name, record.quantity("accuracy", "", name)) for name in record.functions]
    return [name for name, one in found if one and one.summary.mean < _PERFORMED]


def answer_of(record: MaskRecord[Any]) -> str:
    """The result in a sentence; of networks that do not perform their functions, that they do not."""
    poor = _not_performed(record)
    return f"The network does not perform {in_words(poor)}: what it does not do, no mask can carry." if poor else answer(record)


def sections(record: MaskRecord[Any]) -> list[Section]:
    """The sections between the claims and the settings."""
    return present(
        series_section(record),
        curve_section(record),
        accuracy_section(record),
        overlap_section(record),
        transfer_section(record),
        disjoint_section(record),
        core_section(record),
        weights_section(record),
        histogram_section(record),
        controls_section(record, accuracy_table(record)),
        spike_section(record),
        quantities_section(record),
    )


PAGE = Page(
    question,
    answer_of,
    sentences,
    cautions,
    key_numbers,
    sections,
    functions_picture,
    more_networks="give the study several networks of this kind",
    beside_paper=False,
)
