"""How the records of one study are shown, as a value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from maskscope.engine.records.record import Record
from maskscope.report.key_number import KeyNumber
from maskscope.report.section import Figure, Section
from maskscope.report.verdicts import MORE_NETWORKS

Shown = TypeVar("Shown", bound=Record)


def no_picture(record: Record) -> Figure | None:
    """No figure stands for the whole of it."""


@dataclass(frozen=True)
class Page(Generic[Shown]):
    """What a study says of its records. The HTML page, the terminal and the files are all made of this.

    Args:
        question: what was asked, in a paragraph.
        answer: the result in one sentence of plain words, made of the numbers by a rule.
        sentences: the main numbers, a sentence each; none that was not measured.
        cautions: what speaks against reading the verdicts; none where the networks have learned what they should.
        key_numbers: the numbers at the head of the page.
        sections: pictures, tables and words, in this order.
        picture: the one figure that carries the result, if there is one; its name is ``picture``.
        more_networks: how to have a second network, where a record has one.
        beside_paper: whether claims are shown beside what the paper reports.
    """

    question: Callable[[Shown], str]
    answer: Callable[[Shown], str]
    sentences: Callable[[Shown], list[str]]
    cautions: Callable[[Shown], list[str]]
    key_numbers: Callable[[Shown], list[KeyNumber]]
    sections: Callable[[Shown], list[Section]]
    picture: Callable[[Shown], Figure | None] = no_picture
    more_networks: str = MORE_NETWORKS
    beside_paper: bool = True

    def notebook_cell(self, record: Shown) -> str:
        """The short form of the page that a notebook shows for a record."""
        from maskscope.report.readings.notebook import notebook_cell

        return notebook_cell(record, self)
