"""What the page of a sweep says in words: its title, how to read it, its main numbers in sentences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from maskscope.analysis import Summary, summarise
from maskscope.engine.sweep.record import SweepPoint, SweepRecord
from maskscope.report.numbers import Notation, count_text, in_words, mean_text
from maskscope.report.over_networks import WHOLE, few
from maskscope.report.sweep.numbers import (
    MOST_DRAWN,
    compared_at,
    full_mask_accuracy,
    masks_at,
    networks_of,
    of_mask,
    own_accuracy,
    repeated_name,
    shared_share,
    sharing,
    sweep_pair,
)

# accuracy this close to the best of a sweep counts as kept
_KEPT = 0.02
# pairs whose overlap is told in a sentence each
_MOST_TOLD = 3
# values that are named in a sentence
_MOST_NAMED = 8


@dataclass(frozen=True)
class SweepWords:
    """What is said of a sweep.

    Args:
        title: of the page, before the setting.
        reading: how to read it.
        caption: what its figure shows, where that is not plain.
        sentences: the main numbers.
    """

    title: str
    reading: str
    caption: str
    sentences: Callable[[SweepRecord], list[str]]


def sweep_title(record: SweepRecord) -> str:
    """The sweep's name as a title."""
    return f"{words_of(record).title or record.experiment}: a sweep over {record.axis}"


def words_of(record: SweepRecord) -> SweepWords:
    """The words for a sweep that has a name, or those for any other."""
    return _NAMED.get(record.sweep, _ANY)


def caption_of(record: SweepRecord) -> str:
    """What the figure of a sweep shows, and what it leaves to the tables."""
    caption = words_of(record).caption
    pairs = [pair for pair in compared_at(record.points) if not repeated_name(pair)]
    masks = [name for name in masks_at(record.points) if name != WHOLE]
    for found, noun in ((masks, "masks"), (pairs, "pairs of masks")):
        if len(found) > MOST_DRAWN:
            caption += f"The first {MOST_DRAWN} of {len(found)} {noun} are drawn; the tables have all. "
    if record.sweep not in _NAMED and not few(record.functions):
        caption += f"Accuracy is the mean over the {len(record.functions)} functions; the tables have each. "
    if record.chosen and record.scale != "name":
        caption += "Dashed: the value that the presets take. "
    return caption


def sweep_sentences(record: SweepRecord) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    if not record.points:
        return ["No value was measured."]
    sentences = words_of(record).sentences(record)
    if networks_of(record) == 1:
        sentences = [*sentences, "One network at each value: there is no interval; run again with --seeds 2 or more."]
    return sentences


def _about_penalty(record: SweepRecord) -> list[str]:
    found = [(point, full_mask_accuracy(point, record.functions)) for point in record.points]
    measured = [(point, accuracy) for point, accuracy in found if accuracy.n]
    if not measured:
        return []
    best = max(accuracy.mean for _, accuracy in measured)
    kept = max((point for point, accuracy in measured if accuracy.mean >= best - _KEPT), key=lambda point: point.value)
    sentences = [
        f"The best mean accuracy under the full mask is {mean_text(_single(best), 'percent')}; the largest {record.axis} that "
        f"keeps it within {100 * _KEPT:g} points is {kept.label}."
    ]
    for point, accuracy in measured:
        if point.label == record.chosen:
            density = of_mask(point, "density", WHOLE)
            sentences.append(
                f"At the {record.axis} that the presets take, {point.label}, it is {mean_text(accuracy, 'percent')}, with "
                f"{mean_text(density, 'percent')} of the weights."
            )
    return sentences


def _about_size(record: SweepRecord) -> list[str]:
    pair = sweep_pair(record)
    if pair is None or len(record.points) < 2:
        return []
    ends = [min(record.points, key=lambda point: point.value), max(record.points, key=lambda point: point.value)]
    shares = [mean_text(shared_share(point, *pair), "percent") for point in ends]
    scale = [mean_text(sharing(point, *pair), "ratio") for point in ends]
    sizes = [count_text(round(point.value), "weight") for point in ends]
    return [
        f"From {sizes[0]} to {sizes[1]}, the share of {pair[0]}'s mask that {pair[1]}'s keeps too goes from {shares[0]} to "
        f"{shares[1]}, and normalised sharing from {scale[0]} to {scale[1]}."
    ]


def _about_estimator(record: SweepRecord) -> list[str]:
    names = in_words([point.label for point in record.points])
    decision = f"The presets take {record.chosen}." if record.chosen else "No decision yet: nothing is chosen by this sweep."
    return [f"{count_text(len(record.points), 'estimator')} at equal steps: {names}. {decision}"]


def _about_any(record: SweepRecord) -> list[str]:
    """What the values are, and how accuracy, density and overlap change with them."""
    names, functions = [point.label for point in record.points], record.functions
    sentences = [f"{count_text(len(names), 'value')} of {record.axis}: {in_words(names)}."] if len(names) <= _MOST_NAMED else []
    if record.chosen:
        sentences.append(f"The preset {record.preset} takes {record.chosen}.")
    measured: list[tuple[str, Notation, Callable[[SweepPoint], Summary]]] = [
        ("mean accuracy under the full mask", "percent", lambda point: full_mask_accuracy(point, functions)),
        ("mean accuracy of a function under its own mask", "percent", lambda point: own_accuracy(point, functions)),
        ("the share of weights that the full mask keeps", "percent", lambda point: of_mask(point, "density", WHOLE)),
    ]
    pairs = [pair for pair in compared_at(record.points) if not repeated_name(pair)]
    if len(pairs) <= _MOST_TOLD:
        measured += [(f"overlap (Dice) of {pair}", "ratio", partial(of_mask, measure="dice", mask=pair)) for pair in pairs]
    for what, notation, value in measured:
        found = [(point, summary) for point in record.points if (summary := value(point)).n]
        if len(found) > 1:
            sentences.append(_from_to(what, notation, found, ordered=record.scale != "name"))
    return sentences


def _from_to(what: str, notation: Notation, found: Sequence[tuple[SweepPoint, Summary]], *, ordered: bool) -> str:
    """A number at the first value and at the last; of values without an order, at its least and at its most."""
    ends = (found[0], found[-1])
    if not ordered:
        ends = (min(found, key=lambda one: one[1].mean), max(found, key=lambda one: one[1].mean))
    low, high = (mean_text(summary, notation) for _, summary in ends)
    first, last = (point.label for point, _ in ends)
    subject = what[0].upper() + what[1:]
    if not ordered and low == high:
        return f"{subject} is {low} at every value."
    return f"{subject} {'goes from' if ordered else 'is between'} {low} ({first}) {'to' if ordered else 'and'} {high} ({last})."


_NAMED = {
    "penalty": SweepWords(
        "Penalty",
        "A larger penalty removes more weights, and in the end weights that are needed. The plateau of accuracy says how "
        "far it can go; along it, overlap should depend on the penalty little if it says something about the network.",
        "First: accuracy over functions under the full mask; colour: the share of the first function's mask that the second's "
        "keeps too. ",
        _about_penalty,
    ),
    "size": SweepWords(
        "Size of the network",
        "A larger network has room to keep functions apart. The share of a mask that is common falls with density alone, which "
        "normalised sharing takes out: 0 is what density gives, 1 is two masks for one function.",
        "",
        _about_size,
    ),
    "estimator": SweepWords(
        "Gradient estimator",
        "The same network, the same steps, another gradient of the logits. A better estimator has decided logits, small masks "
        "that keep their function, and repeats that agree (stability: Dice of two masks for one function).",
        "",
        _about_estimator,
    ),
}
_ANY = SweepWords(
    "",
    "The same study at each value of one setting. Under a mask, only the weights that it keeps are there; without it, only the "
    "others. Compare overlap with its floor, which is what the sizes of the masks give by themselves.",
    "",
    _about_any,
)


def _single(value: float) -> Summary:
    return summarise([value])
