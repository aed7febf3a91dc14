"""What speaks against reading verdicts: networks that have not learned what they were trained for."""

from collections.abc import Mapping

from maskscope.engine.records.record import Record
from maskscope.report.numbers import in_words, mean_text

# the answer where there is such a caution
NOTHING_YET = "The networks have not learned what they were trained for, so their masks say nothing yet."


def not_learned(record: Record, least: Mapping[str, float], *, tests: bool = False) -> list[str]:
    """That the networks do not perform their functions, if they do not: verdicts then say nothing about networks that do.

    Args:
        record: with accuracies without a mask.
        least: accuracy that is asked for, by function.
        tests: whether these are tests of one function, for each of which it is said how much was asked.
    """
    found = [(name, record.quantity("accuracy", "", name)) for name in least]
    poor = [
        f"{mean_text(one.summary, 'percent')} on " + (f"the {name} test (asked: {at_least(least[name])})" if tests else name)
        for name, one in found
        if one and one.summary.mean < least[name]
    ]
    if not poor:
        return []
    return [
        f"The networks have not learned what they were trained for: accuracy without a mask is {in_words(poor)}. A verdict on "
        "them, also one that contradicts the paper, says nothing about networks that have."
    ]


def classes_not_learned(record: Record, least: float) -> list[str]:
    """That the networks cannot tell the classes apart, if their mean accuracy over classes is too low."""
    found = record.quantity("mean accuracy")
    if found is None or not found.summary.mean < least:
        return []
    return [
        f"The networks have not learned what they were trained for: mean accuracy over classes is "
        f"{mean_text(found.summary, 'percent')} (asked: {at_least(least)}). A verdict on them says nothing about "
        "networks that have."
    ]


def at_least(share: float) -> str:
    """The least accuracy that is asked for, in words."""
    return f"at least {100 * share:.0f}\u00a0%"
