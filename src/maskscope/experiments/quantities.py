"""From results on single networks to quantities over networks."""

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement

from maskscope.analysis import summarise
from maskscope.experiments.claims import Quantity
from maskscope.experiments.record import MaskResult, NetworkResult
from maskscope.tasks import Scores

# measure, mask, function
Numbers = dict[tuple[str, str, str], float]


def quantities(networks: Sequence[NetworkResult], functions: Sequence[str]) -> tuple[Quantity, ...]:
    """Every quantity, each summarised over the networks; one that is undefined on a network is NaN there.

    A mask's number is that of repeat 0; overlap is the mean over all pairs of masks of the two functions, repeats included.
    """
    controls = {network.seed: network for network in networks if not network.trained}
    result = []
    for trained in (True, False):
        rows = [
            _numbers(network, functions) | (_beyond_controls(network, controls.get(network.seed), functions) if trained else {})
            for network in networks
            if network.trained == trained
        ]
        no_ceiling = not _ceilings_exceed_floors([network for network in networks if network.trained == trained])
        for address in dict.fromkeys(address for row in rows for address in row):
            values = [row.get(address, math.nan) for row in rows]
            if no_ceiling and address[0].startswith("normalised sharing"):
                values = [math.nan] * len(rows)
            result.append(Quantity(*address, trained, summarise(values)))
    return tuple(result)


def _numbers(network: NetworkResult, functions: Sequence[str]) -> Numbers:
    numbers: Numbers = {("accuracy", "", function): network.unmasked.accuracy[function] for function in functions}
    for found in network.masks:
        if found.repeat == 0:
            numbers |= _of_mask(found, functions)
    for first, second in combinations_with_replacement(functions, 2):
        numbers |= _of_pair(network, first, second)
    if network.sharing and network.sharing_used:
        numbers["normalised sharing", ", ".join(functions), ""] = network.sharing.normalised
        numbers["normalised sharing among used", ", ".join(functions), ""] = network.sharing_used.normalised
    if network.half_mask:
        numbers["half-mask accuracy", "full", ""] = network.half_mask.full
        numbers["half-mask accuracy", "early", ""] = network.half_mask.early_masked
        numbers["half-mask accuracy", "late", ""] = network.half_mask.late_masked
    return numbers


def _of_mask(found: MaskResult, functions: Sequence[str]) -> Numbers:
    mask = found.function
    numbers: Numbers = {}
    for function in functions:
        numbers["sufficiency", mask, function] = found.sufficiency.accuracy[function]
        numbers["necessity", mask, function] = found.necessity.accuracy[function]
        numbers["top weights", mask, function] = found.top_weights.accuracy[function]
        numbers["random removal", mask, function] = _mean(found.random_removed, function)
    numbers["density", mask, ""] = found.density
    numbers["undecided", mask, ""] = found.undecided
    return numbers


def _of_pair(network: NetworkResult, first: str, second: str) -> Numbers:
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


def _ceilings_exceed_floors(networks: Sequence[NetworkResult]) -> bool:
    """Whether ceiling minus floor is above 0 for both functions, with its whole interval where there is one.

    If not, normalised sharing divides by what may be nothing, and is undefined on all networks (docs/statistics.md).
    """
    for sharing in ([network.sharing for network in networks], [network.sharing_used for network in networks]):
        known = [one for one in sharing if one is not None]
        for excess in (
            summarise([one.within_first - one.floor_first for one in known]),
            summarise([one.within_second - one.floor_second for one in known]),
        ):
            if excess.n > 1 and excess.low <= 0:
                return False
    return True


def _beyond_controls(network: NetworkResult, control: NetworkResult | None, functions: Sequence[str]) -> Numbers:
    """Differences on one network, for each function under its own mask."""
    numbers: Numbers = {}
    for function in functions:
        own = _first(network, function)
        if own is None:
            continue
        kept = own.sufficiency.accuracy[function]
        numbers["sufficiency beyond top weights", function, function] = kept - own.top_weights.accuracy[function]
        lost = _mean(own.random_removed, function) - own.necessity.accuracy[function]
        numbers["loss beyond random removal", function, function] = lost
        other = _first(control, function) if control else None
        if other is not None:
            numbers["sufficiency beyond untrained", function, function] = kept - other.sufficiency.accuracy[function]
    return numbers


def _first(network: NetworkResult, function: str) -> MaskResult | None:
    return next((found for found in network.masks if (found.function, found.repeat) == (function, 0)), None)


def _mean(scores: Sequence[Scores], function: str) -> float:
    return sum(score.accuracy[function] for score in scores) / len(scores) if scores else math.nan
