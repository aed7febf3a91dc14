"""The finding in words: sentences made of verdicts and numbers, for the head of the page and the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.experiments.record import Quantity, Record
from maskscope.report.across import WHOLE, mask_names, networks
from maskscope.report.numbers import Unit, count_text, in_words, mean_text, plain, spread_text

VERDICTS = ("supported", "not supported", "inconclusive")
_MOST_NAMED = 3


@dataclass(frozen=True)
class Tile:
    """A key number with its name: one line a function, or the range over many functions."""

    title: str
    lines: tuple[tuple[str, str], ...]


def title(record: Record) -> str:
    """The experiment's name as a title."""
    words = record.experiment.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def headline(record: Record) -> list[tuple[str, str]]:
    """What became of the claims: each verdict with the names of the claims that got it."""
    found = [(word, [verdict.name for verdict in record.verdicts if verdict.verdict == word]) for word in VERDICTS]
    return [(word.capitalize(), in_words(names)) for word, names in found if names]


def tally(record: Record) -> str:
    """How many claims got which verdict, and on how many networks."""
    counts = [(sum(verdict.verdict == word for verdict in record.verdicts), word) for word in VERDICTS]
    parts = [f"{count} {word}" for count, word in counts if count]
    n = count_text(len(networks(record)), "network")
    return f"{count_text(len(record.verdicts), 'claim')}: {', '.join(parts)} (n = {n})" if parts else f"n = {n}"


def summary_sentences(record: Record) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    functions = [name for name in mask_names(record) if name != WHOLE]
    sentences = []
    if 1 < len(functions) <= _MOST_NAMED:
        sentences += [text for name in functions if (text := _under(record, name, functions))]
    for one in record.quantities:
        if one.measure == "normalised sharing" and one.variant == "trained" and one.summary.n:
            sentences.append(
                f"The masks of {in_words(one.mask.split(', '))} share {mean_text(one.summary, 'ratio')} on a scale where 0 is "
                "what density alone gives and 1 is two masks for one function."
            )
    if len(networks(record)) == 1:
        sentences.append("One network: there is no interval, and so no claim can be more than inconclusive.")
    return sentences


def removal_sentences(record: Record) -> list[str]:
    """What is left when the weights of each mask are removed."""
    functions = [name for name in mask_names(record) if name != WHOLE]
    few = 1 < len(functions) <= _MOST_NAMED
    return [text for name in functions if (text := _without(record, name, functions))] if few else []


def tiles(record: Record) -> list[Tile]:
    """The key numbers."""
    functions = [name for name in mask_names(record) if name != WHOLE]
    pairs = [(mask, function) for mask in functions for function in functions if mask != function]
    own = [(name, name) for name in functions]
    found = [
        _tile(record, "Own function under the mask", "sufficiency", own),
        _tile(record, "Other function under the mask", "sufficiency", pairs),
        _tile(record, "Own function without its weights", "necessity", own),
        _tile(record, "Other function without them", "necessity", pairs),
        _tile(record, "Weights kept by the mask", "density", [(name, "") for name in functions]),
    ]
    sharing = [one for one in record.quantities if one.measure == "normalised sharing" and one.variant == "trained"]
    found += [Tile("Normalised sharing, 0 to 1", ((one.mask, spread_text(one.summary, "ratio")),)) for one in sharing]
    return [tile for tile in found if tile.lines]


def _tile(record: Record, name: str, measure: str, addresses: Sequence[tuple[str, str]]) -> Tile:
    found = [(mask, function, record.quantity(measure, mask, function)) for mask, function in addresses]
    measured = [(mask, function, one) for mask, function, one in found if one]
    if len(measured) > _MOST_NAMED:
        return Tile(name, _range([one for _, _, one in measured], "percent"))
    lines = [(_address(mask, function), spread_text(one.summary, "percent")) for mask, function, one in measured]
    return Tile(name, tuple(lines))


def _address(mask: str, function: str) -> str:
    return mask if function in ("", mask) else f"{function}, mask {mask}"


def _range(found: Sequence[Quantity], unit: Unit) -> tuple[tuple[str, str], ...]:
    means = [one.summary.mean for one in found if one.summary.n]
    if not means:
        return (("all", "undefined"),)
    return ((f"lowest of {len(found)}", f"{plain(min(means), unit)} %"), ("highest", f"{plain(max(means), unit)} %"))


def _under(record: Record, mask: str, functions: Sequence[str]) -> str:
    numbers = _numbers(record, "sufficiency", mask, functions)
    return f"Under the mask found for {mask}, accuracy is {numbers}." if numbers else ""


def _without(record: Record, mask: str, functions: Sequence[str]) -> str:
    numbers = _numbers(record, "necessity", mask, functions)
    return f"Without the weights of mask {mask}, accuracy is {numbers}." if numbers else ""


def _numbers(record: Record, measure: str, mask: str, functions: Sequence[str]) -> str:
    ordered = [mask, *(name for name in functions if name != mask)]
    found = [(name, record.quantity(measure, mask, name)) for name in ordered]
    return in_words([f"{mean_text(one.summary, 'percent')} on {name}" for name, one in found if one])
