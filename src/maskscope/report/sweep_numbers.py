"""What the points of a sweep say: one number a network, then mean, spread and interval over networks."""

import math
from collections.abc import Callable, Mapping, Sequence

from maskscope.analysis import Summary, summarise
from maskscope.experiments.sweep import SweepPoint, SweepRecord
from maskscope.report.across import WHOLE
from maskscope.report.numbers import count_text, in_words, mean_text

# accuracy this close to the best of a sweep counts as kept
_KEPT = 0.02
_TITLES = {"penalty": "Penalty", "size": "Size of the network", "estimator": "Gradient estimator"}


def sweep_title(record: SweepRecord) -> str:
    """The sweep's name as a title."""
    return f"{_TITLES.get(record.sweep, record.sweep.replace('-', ' '))}: a sweep over {record.axis}"


def networks_of(record: SweepRecord) -> int:
    """The most networks that a point has."""
    return max((len(point.seeds) for point in record.points), default=0)


def sweep_pair(record: SweepRecord) -> tuple[str, str] | None:
    """The functions whose overlap is followed: the first two; None if there are not two."""
    return (record.functions[0], record.functions[1]) if len(record.functions) > 1 else None


def full_mask_accuracy(point: SweepPoint, functions: Sequence[str]) -> Summary:
    """Accuracy under the full mask, the mean over functions; undefined where there is no full mask."""
    return _mean_over(point, [("sufficiency", WHOLE, function) for function in functions])


def own_accuracy(point: SweepPoint, functions: Sequence[str]) -> Summary:
    """Accuracy of each function under its own mask, the mean over functions."""
    return _mean_over(point, [("sufficiency", function, function) for function in functions])


def of_mask(point: SweepPoint, measure: str, mask: str) -> Summary:
    """Density or undecided share of a mask."""
    return _combined(point, [(measure, mask, "")], lambda values: values[0])


def dice(point: SweepPoint, first: str, second: str) -> Summary:
    """Overlap of the masks of two functions; of one with itself, of its repeats: the ceiling, or stability."""
    return of_mask(point, "dice", f"{first}, {second}")


def shared_share(point: SweepPoint, first: str, second: str) -> Summary:
    """Share of the first function's mask that the second's keeps too: x / a = D (a + b) / 2a, in percent of a.

    Exact with one mask a function; with repeats D is their mean and a, b are the sizes of the first masks.

    Source: Csordás et al. 2021, "total shared", which its plots over size and penalty show.
    """
    addresses = [("dice", f"{first}, {second}", ""), ("density", first, ""), ("density", second, "")]
    return _combined(point, addresses, lambda one: one[0] * (one[1] + one[2]) / (2 * one[1]) if one[1] else math.nan)


def sharing(point: SweepPoint, first: str, second: str) -> Summary:
    """Normalised sharing of two functions."""
    return of_mask(point, "normalised sharing", f"{first}, {second}")


def sweep_sentences(record: SweepRecord) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    if not record.points:
        return ["No value was measured."]
    sentences = _ABOUT[record.sweep](record) if record.sweep in _ABOUT else []
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


_ABOUT: Mapping[str, Callable[[SweepRecord], list[str]]] = {
    "penalty": _about_penalty,
    "size": _about_size,
    "estimator": _about_estimator,
}


def _mean_over(point: SweepPoint, addresses: Sequence[tuple[str, str, str]]) -> Summary:
    return _combined(point, addresses, lambda values: sum(values) / len(values))


def _combined(point: SweepPoint, addresses: Sequence[tuple[str, str, str]], value: Callable[[Sequence[float]], float]) -> Summary:
    """One number a network, made of several quantities of it; undefined on all if one was not measured."""
    found = [quantity.summary.values for address in addresses if (quantity := point.quantity(*address))]
    if not found or len(found) < len(addresses):
        return summarise([math.nan] * len(point.seeds))
    return summarise([value(numbers) for numbers in zip(*found, strict=True)])


def _single(value: float) -> Summary:
    return summarise([value])
