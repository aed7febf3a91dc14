"""The finding in words, for the head of the page, the terminal and a notebook: one sentence, the main numbers, the claims."""

from typing import Any

from maskscope.engine.records.record import Record
from maskscope.report.numbers import count_text
from maskscope.report.page import Page

VERDICTS = ("supported", "not supported", "inconclusive")


def title(record: Record) -> str:
    """The study's name as a heading."""
    found = record.known_study
    # a study of one's own has a reader, which has another name
    named = found.title if found and found.name == record.experiment else ""
    words = named or record.experiment.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def answer(record: Record, page: Page[Any]) -> str:
    """The result in one sentence of plain words; see `Page`."""
    text = page.answer(record)
    return text[:1].upper() + text[1:]


def tally(record: Record) -> str:
    """How many claims got which verdict, and on how many networks; one network is measured, and nothing is tested."""
    if len(record.seeds) == 1:
        return "measured on one network, nothing tested"
    asked = [verdict for verdict in record.verdicts if not verdict.lacks]
    counts = [(sum(verdict.verdict == word for verdict in asked), word) for word in VERDICTS]
    counts.append((len(record.verdicts) - len(asked), "not asked"))
    parts = [f"{count} {word}" for count, word in counts if count]
    n = count_text(len(record.seeds), "network")
    return f"{count_text(len(record.verdicts), 'claim')}: {', '.join(parts)} (n = {n})" if parts else f"n = {n}"


def summary_sentences(record: Record, page: Page[Any]) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    sentences = page.sentences(record)
    if len(record.seeds) == 1:
        sentences.append(
            f"Measured on one network: there is no interval, and nothing was tested. For a test, {page.more_networks}."
        )
    return sentences
