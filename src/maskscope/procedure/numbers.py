"""From results on single networks to quantities over networks."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

from maskscope.analysis import Sharing, ceiling_exceeds_floor, holm
from maskscope.engine.quantities import TRAINED, Address, Numbers, Quantity, Unit, over_networks
from maskscope.procedure.controls import SHUFFLED_LABELS, UNTRAINED
from maskscope.procedure.result import MaskResult, NetworkResult, SharingResult, share_kept
from maskscope.tasks import Scores, Task

# measure of normalised sharing, and where a network's result has it
SHARING = {
    "normalised sharing": "all_weights",
    "normalised sharing among used": "used_weights",
    "normalised sharing of hidden": "hidden_weights",
}
# networks of the null have to do their arbitrary functions at least so well, as claims ask of the network itself
NULL_ACCURACY = 0.95
P_VALUE, P_HOLM = "p (unrelated functions)", "p (Holm)"


def quantities(
    networks: Sequence[NetworkResult[Any]],
    functions: Sequence[str],
    more: Callable[[NetworkResult[Any]], Numbers],
    units: Mapping[str, Unit],
) -> tuple[Quantity, ...]:
    """Every quantity, each summarised over the networks; one that is undefined on a network is NaN there.

    A mask's number is that of repeat 0; overlap is the mean over all pairs of masks of the two functions, repeats included. The
    family of Holm's correction is every pair of functions on one network.

    Args:
        networks: results, those of controls included.
        functions: whose scores there are.
        more: numbers that only this study has, of one network.
        units: of every measure.
    """
    trained = {network.seed: network for network in networks if network.variant == TRAINED}
    untrained = {network.seed: network for network in networks if network.variant == UNTRAINED.name}
    result = []
    for variant in dict.fromkeys(network.variant for network in networks):
        here = [network for network in networks if network.variant == variant]
        rows = [_numbers(network, functions, more) for network in here]
        if variant == TRAINED:
            for row, network in zip(rows, here, strict=True):
                row |= _beyond_controls(network, untrained.get(network.seed), functions) | _corrected(row)
        if variant == SHUFFLED_LABELS.name:
            for row, network in zip(rows, here, strict=True):
                row |= _beyond_shuffled(trained.get(network.seed), network, functions)
        undefined = dict.fromkeys(_without_ceiling(here), math.nan)
        rows = [{address: undefined.get(address, value) for address, value in row.items()} for row in rows]
        result += over_networks(rows, units, variant)
    return tuple(result)


def relative_drop(full: float, without: float) -> float:
    """The share of an accuracy that is lost against the full mask's; NaN where that is 0.

    Source: minus the "relative drop" r of the authors' code, not in percent.
    """
    return (full - without) / full if full else math.nan


def _numbers(network: NetworkResult[Any], functions: Sequence[str], more: Callable[[NetworkResult[Any]], Numbers]) -> Numbers:
    numbers: Numbers = {("accuracy", "", function): network.unmasked.accuracy[function] for function in functions}
    for found in network.masks:
        if found.repeat == 0:
            numbers |= _of_mask(found, functions)
        if found.repeat == 0 and found.function == Task.whole:
            lost = {f: network.unmasked.accuracy[f] - found.sufficiency.accuracy[f] for f in functions}
            numbers |= {("loss under the full mask", Task.whole, function): loss for function, loss in lost.items()}
    paired = dict.fromkeys(name for pair in network.pairs for name, _ in (pair.first, pair.second))
    for first, second in combinations_with_replacement(paired, 2):
        numbers |= _of_pair(network, first, second)
    numbers |= more(network)
    for shared in network.sharing:
        numbers |= _of_sharing(shared)
    for core in network.cores:
        numbers["stable core", core.function, ""] = core.share
        numbers["stable core by chance", core.function, ""] = core.share_by_chance
    for name, key in {"full": "full", "early": "early_masked", "late": "late_masked"}.items():
        if network.half_masks:
            values = [getattr(half, key) for half in network.half_masks]
            numbers["half-mask accuracy", name, ""] = sum(values) / len(values)
    return numbers


def _of_sharing(shared: SharingResult) -> Numbers:
    label = ", ".join(shared.functions)
    numbers: Numbers = {}
    for measure, key in SHARING.items():
        sharing = getattr(shared, key)
        if sharing is not None:
            numbers[measure, label, ""] = sharing.normalised
            numbers[_over(measure), label, ""] = _over_ceiling(sharing)
    if shared.null is not None:
        numbers["dice with unrelated functions", label, ""] = sum(shared.null.null) / len(shared.null.null)
        if shared.null_accuracy:
            numbers["accuracy of unrelated functions", label, ""] = sum(shared.null_accuracy) / len(shared.null_accuracy)
        # what the networks of the null do not do is not like the function it stands for, and p says nothing
        alike = bool(shared.null_accuracy) and min(shared.null_accuracy) >= NULL_ACCURACY
        numbers[P_VALUE, label, ""] = shared.null.p if alike else math.nan
    return numbers


def _over(measure: str) -> str:
    return "dice over ceiling" + measure.removeprefix("normalised sharing")


def _over_ceiling(sharing: Sharing) -> float:
    """d_AB / sqrt(w_A w_B): the overlap as a share of the ceilings, without floors."""
    ceilings = sharing.within_first * sharing.within_second
    return sharing.between / math.sqrt(ceilings) if ceilings > 0 else math.nan


def _corrected(numbers: Numbers) -> Numbers:
    """The p-values of one network's pairs of functions, by Holm."""
    family = [address for address in numbers if address[0] == P_VALUE]
    adjusted = holm([numbers[address] for address in family])
    return {(P_HOLM, mask, function): p for (_, mask, function), p in zip(family, adjusted, strict=True)}


def _of_mask(found: MaskResult, functions: Sequence[str]) -> Numbers:
    mask = found.function
    numbers: Numbers = {}
    for function in functions:
        numbers["sufficiency", mask, function] = found.sufficiency.accuracy[function]
        numbers["necessity", mask, function] = found.necessity.accuracy[function]
        numbers["top weights", mask, function] = found.top_weights.accuracy[function]
        numbers["random removal", mask, function] = _mean(found.random_removed, function)
        if found.necessity_full_io is not None:
            numbers["necessity, full I/O", mask, function] = found.necessity_full_io.accuracy[function]
    if found.in_full and mask != Task.whole:
        numbers["remaining of the full mask", mask, ""] = share_kept(found.in_full.values())
    numbers["density", mask, ""] = found.density
    numbers["undecided", mask, ""] = found.undecided
    return numbers


def _of_pair(network: NetworkResult[Any], first: str, second: str) -> Numbers:
    pairs = [pair for pair in network.pairs if sorted((pair.first[0], pair.second[0])) == sorted((first, second))]
    if not pairs:
        return {}
    label, n = f"{first}, {second}", len(pairs)
    return {
        ("iou", label, ""): sum(pair.total.iou for pair in pairs) / n,
        ("iomin", label, ""): sum(pair.total.iomin for pair in pairs) / n,
        ("dice", label, ""): sum(pair.total.dice for pair in pairs) / n,
        ("dice floor", label, ""): sum(pair.floor.dice for pair in pairs) / n,
        ("dice floor among used", label, ""): sum(pair.floor_used.dice for pair in pairs) / n,
    }


def _without_ceiling(networks: Sequence[NetworkResult[Any]]) -> set[Address]:
    """Addresses of sharing that are undefined on all networks: a ceiling does not exceed its floor.

    Sharing would divide by what may be nothing (docs/statistics.md).
    """
    excesses: dict[Address, list[tuple[float, float]]] = {}
    for network in networks:
        for shared in network.sharing:
            for measure, key in SHARING.items():
                one = getattr(shared, key)
                if one is not None:
                    excess = (one.within_first - one.floor_first, one.within_second - one.floor_second)
                    for name in (measure, _over(measure)):
                        excesses.setdefault((name, ", ".join(shared.functions), ""), []).append(excess)
    return {
        address
        for address, found in excesses.items()
        if not all(ceiling_exceeds_floor(column) for column in zip(*found, strict=True))
    }


def _beyond_shuffled(trained: NetworkResult[Any] | None, shuffled: NetworkResult[Any], functions: Sequence[str]) -> Numbers:
    """How much more of a function its mask keeps than the mask for its shuffled labels keeps of those."""
    numbers: Numbers = {}
    for function in functions:
        own, other = trained.mask(function) if trained else None, shuffled.mask(function)
        if own is not None and other is not None:
            kept = own.sufficiency.accuracy[function] - other.sufficiency.accuracy[function]
            numbers["sufficiency beyond shuffled labels", function, function] = kept
    return numbers


def _beyond_controls(network: NetworkResult[Any], control: NetworkResult[Any] | None, functions: Sequence[str]) -> Numbers:
    """Differences on one network, for each mask on its own function; of sequences, on the questions it was found with."""
    numbers: Numbers = {}
    for own in (found for found in network.masks if found.repeat == 0):
        mask, function = own.function, own.own
        if function not in functions:
            continue
        kept = own.sufficiency.accuracy[function]
        numbers["sufficiency beyond top weights", mask, function] = kept - own.top_weights.accuracy[function]
        lost = _mean(own.random_removed, function) - own.necessity.accuracy[function]
        numbers["loss beyond random removal", mask, function] = lost
        other = control.mask(mask) if control else None
        if other is not None:
            numbers["sufficiency beyond untrained", mask, function] = kept - other.sufficiency.accuracy[function]
    return numbers


def _mean(scores: Sequence[Scores], function: str) -> float:
    return sum(score.accuracy[function] for score in scores) / len(scores) if scores else math.nan
