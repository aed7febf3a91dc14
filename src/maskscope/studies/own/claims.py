"""Claims that make sense for any network: whether the masks of its functions are sufficient, specific, necessary, different."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

from maskscope.engine.claims import Claim, conditions
from maskscope.engine.quantities import Numbers, Unit
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.units import by_measure
from maskscope.studies.own.result import OwnResult, SpikeIn

# a user's score has a scale of its own: 0 is here what the network scores without any maskable weight, 1 what it scores with all
KEPT, LEFT = "share of the score kept", "share of the score left"
PLANTED_FOUND, PLANTED_BY_CHANCE = "planted weights found", "planted weights found by chance"
PRECISION, PRECISION_BEYOND = "planted among kept", "planted among kept by no other mask"
TOLD = "planted rule told"
DISJOINT, DISJOINT_FLOOR, DISJOINT_SHARING = (
    "dice on disjoint inputs",
    "dice floor on disjoint inputs",
    "normalised sharing, disjoint inputs",
)
UNITS: Mapping[str, Unit] = by_measure(
    {
        "relative": (KEPT, LEFT),
        "share": (PLANTED_FOUND, PLANTED_BY_CHANCE, PRECISION, PRECISION_BEYOND, TOLD),
        "ratio": (DISJOINT, DISJOINT_FLOOR, DISJOINT_SHARING),
    }
)
_ENOUGH, _LOST, _SHARED = 0.95, 0.5, 0.5


def claims_of(functions: Sequence[str]) -> tuple[Claim, ...]:
    """The claims about a network's functions, of these names."""
    own, pairs = [(name, name) for name in functions], list(combinations(functions, 2))
    kept = conditions(KEPT, own, ">=", _ENOUGH)
    found = [
        Claim(
            "sufficient",
            "Does the mask found for a function keep at least .95 of its score (0: no weight is kept, 1: all are)?",
            kept,
        ),
        Claim(
            "necessary",
            "Is at least half of a function's score (0: no weight is kept, 1: all are) lost when its mask's weights are removed?",
            conditions(LEFT, own, "<=", _LOST),
            kept,
        ),
    ]
    if pairs:
        found += [
            Claim(
                "specific",
                "Does the mask found for a function lose at least half of each other's score (0: no weight is kept, 1: all are)?",
                conditions(KEPT, permutations(functions, 2), "<=", _LOST),
                kept,
                "P_specialize",
            ),
            Claim(
                "different weights",
                "Do the masks of two functions share less than half of what two masks for the same function share (normalised "
                "sharing)?",
                conditions("normalised sharing", ((", ".join(pair), "") for pair in pairs), "<=", _SHARED),
                kept,
                "P_specialize",
                repeats=1,
            ),
        ]
    return tuple(found)


def own_numbers(network: NetworkResult[OwnResult]) -> Numbers:
    """The share of each function's score that is there under each mask, and without its weights.

    The share is (score - e) / (w - e), with e the score of the emptied network and w that of the whole one, so that chance is 0
    whatever its score is. It may be negative; it is NaN where the whole network scores no more than the emptied one.
    """
    numbers: Numbers = {}
    for found in (found for found in network.masks if found.repeat == 0):
        for function, whole in network.unmasked.accuracy.items():
            nothing = network.more.emptied.accuracy[function] if network.more else 0.0
            for measure, scores in ((KEPT, found.sufficiency), (LEFT, found.necessity)):
                share = (scores.accuracy[function] - nothing) / (whole - nothing) if whole > nothing else math.nan
                numbers[measure, found.function, function] = share
    if network.more:
        numbers |= _of_spike(network.more.spike_in) | _of_disjoint(network)
    return numbers


def _of_spike(spiked: SpikeIn | None) -> Numbers:
    """Recall and precision of the planted units; none where nothing was planted."""
    if spiked is None or spiked.failed:
        return {}
    shares = {
        PLANTED_FOUND: (spiked.found, spiked.planted),
        PLANTED_BY_CHANCE: (spiked.by_chance, spiked.planted),
        PRECISION: (spiked.found, spiked.kept),
        PRECISION_BEYOND: (spiked.found_beyond, spiked.beyond),
    }
    numbers: Numbers = {(measure, "", ""): part / whole if whole else math.nan for measure, (part, whole) in shares.items()}
    told = {"before": spiked.told_before, "after": spiked.told, "mask": spiked.told_masked, "without": spiked.told_without}
    return numbers | {(TOLD, when, ""): share for when, share in told.items()}


def _of_disjoint(network: NetworkResult[OwnResult]) -> Numbers:
    """The ceiling from disjoint inputs, and what two functions share on the scale that ends there.

    (d_AB - c_AB) / sqrt((w_A - c_A) (w_B - c_B)), where w_A is the overlap of masks of A from disjoint inputs.
    """
    found = {one.function: one for one in network.more.disjoint} if network.more else {}
    numbers: Numbers = {(DISJOINT, name, ""): one.dice for name, one in found.items()}
    numbers |= {(DISJOINT_FLOOR, name, ""): one.floor for name, one in found.items()}
    for shared in network.sharing:
        if all(name in found for name in shared.functions):
            excess = [found[name].dice - found[name].floor for name in shared.functions]
            above = shared.all_weights.between - shared.all_weights.floor_between
            defined = min(excess) > 0
            value = above / math.sqrt(excess[0] * excess[1]) if defined else math.nan
            numbers[DISJOINT_SHARING, ", ".join(shared.functions), ""] = value
    return numbers
