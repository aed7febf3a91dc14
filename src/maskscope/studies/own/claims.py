"""Claims that make sense for any network: whether the masks of its functions are sufficient, specific, necessary, different."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from typing import Any

from maskscope.engine.claims import Claim, conditions
from maskscope.engine.quantities import Numbers, Unit
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.units import by_measure

# scores by what the network without a mask has: a user's score has a scale of its own
KEPT, LEFT = "share of the score kept", "share of the score left"
UNITS: Mapping[str, Unit] = by_measure({"relative": (KEPT, LEFT)})
_ENOUGH, _LOST, _SHARED = 0.95, 0.5, 0.5


def claims_of(functions: Sequence[str]) -> tuple[Claim, ...]:
    """The claims about a network's functions, of these names."""
    own, pairs = [(name, name) for name in functions], list(combinations(functions, 2))
    kept = conditions(KEPT, own, ">=", _ENOUGH)
    found = [
        Claim("sufficient", "Does the mask found for a function keep at least .95 of its score?", kept),
        Claim(
            "necessary",
            "Is at least half of a function's score lost when its mask's weights are removed?",
            conditions(LEFT, own, "<=", _LOST),
            kept,
        ),
    ]
    if pairs:
        found += [
            Claim(
                "specific",
                "Does the mask found for one function lose at least half of each other's score?",
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


def own_numbers(network: NetworkResult[Any]) -> Numbers:
    """Under each mask, and without its weights, the share of each function's score that is there; NaN where the score is 0."""
    numbers: Numbers = {}
    for found in (found for found in network.masks if found.repeat == 0):
        for function, whole in network.unmasked.accuracy.items():
            numbers[KEPT, found.function, function] = found.sufficiency.accuracy[function] / whole if whole else math.nan
            numbers[LEFT, found.function, function] = found.necessity.accuracy[function] / whole if whole else math.nan
    return numbers
