"""The finding in words: sentences made of verdicts and numbers, for the head of the page and the terminal."""

from collections.abc import Callable, Mapping, Sequence

from maskscope.procedure.result import Quantity, Record
from maskscope.report import class_words, growth_words, sequence_words, stability
from maskscope.report.across import WHOLE, asks_reuse, mask_names, whole_procedures
from maskscope.report.kinds import Kind, kind_of, sample_size
from maskscope.report.numbers import count_text, in_words, mean_text
from maskscope.report.tile import MOST_NAMED, Tile, tile_of

VERDICTS = ("supported", "not supported", "inconclusive")
# what the claims ask of a network before anything else
_LEARNED = 0.95
_SHORT = {"trained": "trained", "copied-io": "copied I/O"}
# a measure, and the sentence that its numbers make
_UNDER = ("sufficiency", "Under the mask found for {}, accuracy is {}.")
_WITHOUT = ("necessity", "Without the weights of mask {}, accuracy is {}.")
_WITHOUT_HIDDEN = ("necessity, full I/O", "Without the hidden ones of mask {} alone, it is {}.")


def title(record: Record) -> str:
    """The experiment's name as a title."""
    words = record.experiment.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def headline(record: Record) -> list[tuple[str, str]]:
    """What became of the claims: each verdict with the names of the claims that got it.

    Claims about the method are left out where they hold, and those that were not asked of the record; the reader wants to know
    what the networks are like.
    """
    asked = [verdict for verdict in record.verdicts if not verdict.lacks] or record.verdicts
    told = [one for one in asked if one.about != "method" or one.verdict == "not supported"] or asked
    found = [(word, [verdict.name for verdict in told if verdict.verdict == word]) for word in VERDICTS]
    return [(word.capitalize(), in_words(names)) for word, names in found if names]


def tally(record: Record) -> str:
    """How many claims got which verdict, and on how many networks."""
    asked = [verdict for verdict in record.verdicts if not verdict.lacks]
    counts = [(sum(verdict.verdict == word for verdict in asked), word) for word in VERDICTS]
    counts.append((len(record.verdicts) - len(asked), "not asked"))
    parts = [f"{count} {word}" for count, word in counts if count]
    n = count_text(sample_size(record), "network")
    return f"{count_text(len(record.verdicts), 'claim')}: {', '.join(parts)} (n = {n})" if parts else f"n = {n}"


def summary_sentences(record: Record) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    sentences = _SENTENCES[kind_of(record)](record)
    if sample_size(record) == 1:
        sentences.append(
            "One network: there is no interval, and so no claim can be more than inconclusive; run again with --seeds 2 or more."
        )
    return sentences


def cautions(record: Record) -> list[str]:
    """That the networks do not perform their functions, if they do not: verdicts then say nothing about networks that do."""
    return _CAUTIONS[kind_of(record)](record)


def _cautions(record: Record) -> list[str]:
    found = [(name, record.quantity("accuracy", "", name)) for name in record.functions]
    poor = [f"{mean_text(one.summary, 'percent')} on {name}" for name, one in found if one and one.summary.mean < _LEARNED]
    if not poor:
        return []
    return [
        f"The networks have not learned what they were trained for: accuracy without a mask is {in_words(poor)}. A verdict on "
        "them, also one that contradicts the paper, says nothing about networks that have."
    ]


def further_sentences(record: Record) -> list[str]:
    """Accuracy under masks, or without their weights: whichever the head of the page does not have."""
    return _each(record, *(_UNDER if asks_reuse(record) else _WITHOUT))


def tiles(record: Record) -> list[Tile]:
    """The key numbers."""
    return [tile for tile in _TILES[kind_of(record)](record) if tile.lines]


def _tiles(record: Record) -> list[Tile]:
    functions = [name for name in mask_names(record) if name != WHOLE]
    pairs = [(mask, function) for mask in functions for function in functions if mask != function]
    own = [(name, name) for name in functions]
    under = [
        _tile(record, "Own function under the mask", "sufficiency", own),
        _tile(record, "Other function under the mask", "sufficiency", pairs),
    ]
    without = [
        _tile(record, "Own function without its weights", "necessity", own),
        _tile(record, "Other function without them", "necessity", pairs),
    ]
    hidden = _tile(record, "Other function without hidden ones alone", "necessity, full I/O", pairs)
    density = _tile(record, "Weights kept by the mask", "density", [(name, "") for name in functions])
    found = [*without, hidden, under[0], density] if asks_reuse(record) else [*under, *without, density]
    return [*found, _sharing_tile(record)]


def _sentences(record: Record) -> list[str]:
    """Where one function is needed in several places, what matters is whether the others survive without one's weights."""
    if asks_reuse(record):
        return [*_each(record, *_WITHOUT), *_each(record, *_WITHOUT_HIDDEN), *_shared(record)]
    return [*_each(record, *_UNDER), *_shared(record)]


def _sharing(record: Record) -> list[Quantity]:
    """Normalised sharing of each pair: of hidden weights, if input and output weights are apart, else of all."""
    hidden = [one for one in record.quantities if one.measure == "normalised sharing of hidden"]
    found = hidden or [one for one in record.quantities if one.measure == "normalised sharing"]
    return [one for variant in whole_procedures(record) for one in found if one.variant == variant]


def _shared(record: Record) -> list[str]:
    """Normalised sharing on the trained networks and, beside it, with copied input and output weights."""
    found = [one for one in _sharing(record) if one.summary.n]
    sentences = []
    for one in found:
        if one.variant == "trained":
            which = "hidden weights of the masks" if one.measure.endswith("hidden") else "masks"
            text = f"On a scale where 0 is what density alone gives and 1 is two masks for one function, the {which} of "
            text += f"{in_words(one.mask.split(', '))} share {mean_text(one.summary, 'ratio')}"
            copied = next((other for other in found if other.variant == "copied-io" and other.mask == one.mask), None)
            text += f", and {mean_text(copied.summary, 'ratio')} with copied input and output weights" if copied else ""
            sentences.append(f"{text}.")
    return sentences if len(sentences) <= MOST_NAMED else []


def _sharing_tile(record: Record) -> Tile:
    found = _sharing(record)
    name = "Normalised sharing, 0 to 1" + (", hidden" if any(one.measure.endswith("hidden") for one in found) else "")
    several = len({one.variant for one in found}) > 1
    return tile_of(name, [(_SHORT[one.variant] if several else one.mask, one.summary) for one in found], "ratio")


def _tile(record: Record, name: str, measure: str, addresses: Sequence[tuple[str, str]]) -> Tile:
    found = [(mask, function, record.quantity(measure, mask, function)) for mask, function in addresses]
    return tile_of(name, [(_address(mask, function), one.summary) for mask, function, one in found if one], "percent")


def _address(mask: str, function: str) -> str:
    return mask if function in ("", mask) else f"{function}, mask {mask}"


def _each(record: Record, measure: str, text: str) -> list[str]:
    """A sentence for each mask, its own function first; none where there are too many, or nothing was measured."""
    functions = [name for name in mask_names(record) if name != WHOLE]
    if not 1 < len(functions) <= MOST_NAMED:
        return []
    sentences = []
    for mask in functions:
        ordered = [mask, *(name for name in functions if name != mask)]
        found = [(name, record.quantity(measure, mask, name)) for name in ordered]
        numbers = in_words([f"{mean_text(one.summary, 'percent')} on {name}" for name, one in found if one])
        sentences += [text.format(mask, numbers)] if numbers else []
    return sentences


_SENTENCES: Mapping[Kind, Callable[[Record], list[str]]] = {
    "functions": _sentences,
    "removal": class_words.sentences,
    "stability": stability.sentences,
    "growth": growth_words.sentences,
    "sequences": sequence_words.sentences,
}
_TILES: Mapping[Kind, Callable[[Record], list[Tile]]] = {
    "functions": _tiles,
    "removal": class_words.tiles,
    "stability": stability.tiles,
    "growth": growth_words.tiles,
    "sequences": sequence_words.tiles,
}
_CAUTIONS: Mapping[Kind, Callable[[Record], list[str]]] = {
    "functions": _cautions,
    "removal": class_words.cautions,
    "stability": class_words.cautions,
    "growth": growth_words.cautions,
    "sequences": sequence_words.cautions,
}
