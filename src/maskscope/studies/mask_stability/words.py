"""What a study of mask stability says in words: its question, its main numbers, and what speaks against reading them."""

from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.cautions import NOTHING_YET, classes_not_learned
from maskscope.report.key_number import KeyNumber, key_number
from maskscope.report.numbers import count_text, mean_text
from maskscope.report.origin import data_name
from maskscope.report.over_networks import paired_names
from maskscope.studies.mask_stability.tables import BEYOND, DIFFERENT, SAME

# what the claims ask of a network before anything else
_LEARNED = 0.65


def question(record: MaskRecord[Any]) -> str:
    """What was asked, in a paragraph."""
    repeats = int(record.spec.get("repeats", 1)) + 1
    return (
        f"How alike are two masks for the same pair of classes? {count_text(len(record.seeds), 'network').capitalize()}, "
        f"trained to tell the {len(record.functions)} classes of {data_name(record)} apart. For each of "
        f"{count_text(len(paired_names(record)), 'pair')} of classes {repeats} masks were found with the images of these two "
        "alone, with other noise and other data order. If a mask says something about the network, and not about how it was "
        "found, they have much in common, and more than masks for different pairs have."
    )


def answer(record: MaskRecord[Any]) -> str:
    """The result in one sentence: whether masks for the same classes are more alike than masks for different ones."""
    if cautions(record):
        return NOTHING_YET
    same, different, beyond = (record.quantity(measure) for measure in (SAME, DIFFERENT, BEYOND))
    if not (same and different and beyond):
        return "Each mask was found once, so that nothing can be said of how stable masks are."
    more = beyond.summary.mean > 0 if beyond.summary.n == 1 else beyond.summary.low > 0
    less = beyond.summary.mean <= 0 if beyond.summary.n == 1 else beyond.summary.high <= 0
    how = "more alike than" if more else "no more alike than" if less else "perhaps no more alike than"
    return (
        f"Two masks for the same pair of classes are {how} masks for different pairs: they overlap by "
        f"{mean_text(same.summary, 'ratio')} and {mean_text(different.summary, 'ratio')} (IoU)."
    )


def sentences(record: MaskRecord[Any]) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    same, different, beyond = (record.quantity(measure) for measure in (SAME, DIFFERENT, BEYOND))
    if not (same and different and beyond):
        return []
    return [
        f"Two masks for the same pair of classes overlap by {mean_text(same.summary, 'ratio')} (IoU), masks for different pairs "
        f"by {mean_text(different.summary, 'ratio')}: a difference of {mean_text(beyond.summary, 'ratio')}."
    ]


def cautions(record: MaskRecord[Any]) -> list[str]:
    """That the networks cannot tell the classes apart, if they cannot."""
    return classes_not_learned(record, _LEARNED)


def key_numbers(record: MaskRecord[Any]) -> list[KeyNumber]:
    """The key numbers."""
    return [
        key_number("Mean accuracy of the network", [("no mask", record.quantity("mean accuracy"))]),
        key_number("IoU of two masks, same pair", [("mean over pairs", record.quantity(SAME))]),
        key_number("IoU, different pairs", [("mean over pairs", record.quantity(DIFFERENT))]),
        key_number("Difference", [("on each network", record.quantity(BEYOND))]),
        key_number("Weights kept by the mask", [(mask, record.quantity("density", mask)) for mask in record.masks]),
    ]
