"""Claims that make sense for any network: whether masks are sufficient, necessary, specific, different, not interchangeable."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

from maskscope.engine.claims import Claim, conditions
from maskscope.engine.quantities import Numbers, Unit
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.units import by_measure
from maskscope.studies.own.controls.numbers import CONTROL_UNITS, control_numbers
from maskscope.studies.own.result import OwnResult
from maskscope.studies.own.series import SERIES_UNITS, kinship_numbers
from maskscope.studies.own.transfers import BY_CHANCE, TRANSFER, transfer_numbers

# a user's score has a scale of its own: 0 is here what the network scores without any maskable weight, 1 what it scores with all
KEPT, LEFT = "share of the score kept", "share of the score left"
UNITS: Mapping[str, Unit] = {**by_measure({"relative": (KEPT, LEFT, TRANSFER, BY_CHANCE)}), **SERIES_UNITS, **CONTROL_UNITS}
_ENOUGH, _LOST, _SHARED, _TRANSFERRED = 0.95, 0.5, 0.5, 0.5


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
            Claim(
                "not interchangeable",
                "Does the private part of one function's mask, in the place of another's, bring at most half of what that one "
                "brings, in both directions (transfer)? Open where a mask has no private part that its function needs.",
                conditions(TRANSFER, permutations(functions, 2), "<=", _TRANSFERRED),
                kept,
                "P_specialize",
            ),
        ]
    return tuple(found)


def own_numbers(network: NetworkResult[OwnResult]) -> Numbers:
    """The share of each function's score that is there under each mask, and without its weights; transfer; overlaps over time.

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
    return numbers | transfer_numbers(network) | kinship_numbers(network) | control_numbers(network)
