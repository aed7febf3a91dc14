"""The finding in words: sentences made of verdicts and numbers, for the head of the page and the terminal."""

from typing import Any

from maskscope.engine.records.record import Record
from maskscope.report.numbers import count_text, in_words
from maskscope.report.page import Page

VERDICTS = ("supported", "not supported", "inconclusive")


def title(record: Record) -> str:
    """The study's name as a title."""
    words = record.experiment.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def headline(record: Record) -> list[tuple[str, str]]:
    """What became of the claims: each verdict with the names of the claims that got it.

    Claims about the method are left out where they hold, and those that were not asked of the record; the reader wants to know
    what the networks are like.
    """
    asked = [verdict for verdict in record.verdicts if not verdict.lacks] or record.verdicts
    shown = [one for one in asked if one.about != "method" or one.verdict == "not supported"] or asked
    found = [(word, [verdict.name for verdict in shown if verdict.verdict == word]) for word in VERDICTS]
    return [(word.capitalize(), in_words(names)) for word, names in found if names]


def tally(record: Record) -> str:
    """How many claims got which verdict, and on how many networks."""
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
            f"One network: there is no interval, and so no claim can be more than inconclusive; {page.more_networks}."
        )
    return sentences
