"""What a study of several functions says in words: its question, its main numbers, and what speaks against reading them."""

from collections.abc import Sequence
from typing import Any

from maskscope.engine.quantities import ACCURACY, TRAINED, Quantity
from maskscope.procedure.record import MaskRecord
from maskscope.report.cautions import not_learned
from maskscope.report.headline import title
from maskscope.report.key_number import MOST_NAMED, KeyNumber, key_number
from maskscope.report.numbers import count_text, in_words, mean_text
from maskscope.report.over_networks import WHOLE, asks_reuse, mask_names, networks, short_words, whole_procedures

# what the claims ask of a network before anything else
LEARNED = 0.95
# a measure, and the sentence that its numbers make
_UNDER = ("sufficiency", "Under the mask found for {}, {} is {}.")
_WITHOUT = ("necessity", "Without the weights of mask {}, {} is {}.")
_WITHOUT_HIDDEN = ("necessity, full I/O", "Without the hidden ones of mask {0} alone, it is {2}.")


def question(record: MaskRecord[Any]) -> str:
    """What was asked, in a paragraph."""
    functions = in_words(list(record.functions))
    asked = (
        "All of them are the same function, needed in several places. Is it carried by the same weights (reuse), or was it "
        "learned once for each place? And is that only because the places have input and output weights of their own?"
        if asks_reuse(record)
        else "Do the functions live in different weights, and does each mask hold its function?"
    )
    return (
        f"{title(record)}: {count_text(len(networks(record)), 'network')}, trained to perform {functions}. For each function a "
        "binary mask over the frozen weights was learned: it keeps the weights that this function needs and removes the "
        f"others. {asked}"
    )


def sentences(record: MaskRecord[Any]) -> list[str]:
    """The main numbers in sentences; none that was not measured.

    Where one function is needed in several places, what matters is whether the others survive without one's weights.
    """
    if asks_reuse(record):
        return [*_each(record, *_WITHOUT), *_each(record, *_WITHOUT_HIDDEN), *_shared(record)]
    return [*_each(record, *_UNDER), *_shared(record)]


def further_sentences(record: MaskRecord[Any]) -> list[str]:
    """Accuracy under masks, or without their weights: whichever the head of the page does not have."""
    return _each(record, *(_UNDER if asks_reuse(record) else _WITHOUT))


def key_numbers(record: MaskRecord[Any]) -> list[KeyNumber]:
    """The key numbers that the picture of the page does not have: sizes, what masks share, and what other weights would keep."""
    functions = [name for name in mask_names(record) if name != WHOLE]
    pairs = [(mask, function) for mask in functions for function in functions if mask != function]
    density = _number(record, "Weights kept by the mask", "density", [(name, "") for name in functions])
    hidden = _number(record, "Other function without hidden ones alone", "necessity, full I/O", pairs)
    best = _number(record, "As many weights, chosen by gradient", "top weights", [(name, name) for name in functions])
    return [density, _sharing_number(record), hidden if asks_reuse(record) and hidden.lines else best]


def cautions(record: MaskRecord[Any]) -> list[str]:
    """That the networks do not perform their functions, if they do not."""
    return not_learned(record, dict.fromkeys(record.functions, LEARNED))


def _sharing(record: MaskRecord[Any]) -> list[Quantity]:
    """Normalised sharing of each pair: of hidden weights, if input and output weights are apart, else of all."""
    hidden = [one for one in record.quantities if one.measure == "normalised sharing of hidden"]
    found = hidden or [one for one in record.quantities if one.measure == "normalised sharing"]
    return [one for variant in whole_procedures(record) for one in found if one.variant == variant]


def _shared(record: MaskRecord[Any]) -> list[str]:
    """Normalised sharing on the trained networks and, beside it, where the whole procedure was gone through again."""
    found = [one for one in _sharing(record) if one.summary.n]
    sentences = []
    for one in found:
        if one.variant == TRAINED:
            which = "hidden weights of the masks" if one.measure.endswith("hidden") else "masks"
            text = f"On a scale where 0 is what density alone gives and 1 is two masks for one function, the {which} of "
            text += f"{in_words(one.mask.split(', '))} share {mean_text(one.summary, 'ratio')}"
            for other in (other for other in found if other.variant != TRAINED and other.mask == one.mask):
                text += f", and {mean_text(other.summary, 'ratio')} with {record.variants[other.variant].lower()}"
            sentences.append(f"{text}.")
    return sentences if len(sentences) <= MOST_NAMED else []


def _sharing_number(record: MaskRecord[Any]) -> KeyNumber:
    found = _sharing(record)
    name = "Overlap, 0: chance, 1: one function" + (", hidden" if any(one.measure.endswith("hidden") for one in found) else "")
    several = len({one.variant for one in found}) > 1
    return key_number(name, [(short_words(record)[one.variant] if several else one.mask, one) for one in found])


def _number(record: MaskRecord[Any], name: str, measure: str, addresses: Sequence[tuple[str, str]]) -> KeyNumber:
    return key_number(
        name, [(_address(mask, function), record.quantity(measure, mask, function)) for mask, function in addresses]
    )


def _address(mask: str, function: str) -> str:
    return mask if function in ("", mask) else f"{function}, mask {mask}"


def _each(record: MaskRecord[Any], measure: str, text: str) -> list[str]:
    """A sentence for each mask, its own function first; none where there are too many, or nothing was measured."""
    functions = [name for name in mask_names(record) if name != WHOLE]
    if not 1 < len(functions) <= MOST_NAMED:
        return []
    named = record.score_name
    score, sentences = named if named == ACCURACY else f"the {named}", []
    for mask in functions:
        ordered = [mask, *(name for name in functions if name != mask)]
        found = [(name, record.quantity(measure, mask, name)) for name in ordered]
        numbers = in_words([f"{mean_text(one.summary, 'percent')} on {name}" for name, one in found if one])
        sentences += [text.format(mask, score, numbers)] if numbers else []
    return sentences
