"""Numbers of one network of sequences: what a mask for a part of the questions loses of the rest."""

import math
from collections.abc import Mapping

from maskscope.engine.quantities import Numbers, Unit
from maskscope.procedure.numbers import relative_drop
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.units import by_measure
from maskscope.studies.sequences.result import SequenceResult
from maskscope.tasks import Task

UNITS: Mapping[str, Unit] = by_measure(
    {
        "share": (
            "accuracy, decoder dropping",
            "accuracy of a network trained on it",
            "accuracy of a network trained on it, decoder dropping",
            "removed of output",
        ),
        "difference of shares": ("gap to the full mask", "mask beyond such a network", "removed beyond other outputs"),
        "relative": ("relative gap to the full mask",),
    }
)
TRAINED_ON_IT, NEVER_SEEN = "accuracy of a network trained on it", "mask beyond such a network"


def sequence_numbers(network: NetworkResult[SequenceResult]) -> Numbers:
    """Of each mask for a part of the questions: how much less it can do than the full mask, on every test; how much more than a
    network that was trained on that part alone; and what it removes of the output map.

    Source: figures 4a and 4b of Csordás et al. 2021, and their comparison with networks trained on a split.
    """
    result = network.more
    first = {found.function: found for found in network.masks if found.repeat == 0}
    full = network.mask(Task.whole)
    if result is None or full is None:
        return {}
    numbers: Numbers = {}
    for name, found in first.items():
        if name == Task.whole:
            continue
        for test, kept in full.sufficiency.accuracy.items():
            numbers["gap to the full mask", name, test] = kept - found.sufficiency.accuracy[test]
            numbers["relative gap to the full mask", name, test] = relative_drop(kept, found.sufficiency.accuracy[test])
    for baseline in result.baselines:
        for test, accuracy in baseline.scores.accuracy.items():
            numbers[TRAINED_ON_IT, baseline.trained_on, test] = accuracy
            numbers[NEVER_SEEN, baseline.trained_on, test] = _kept(network, baseline.trained_on, test) - accuracy
        for test, accuracy in baseline.dropping.accuracy.items() if baseline.dropping else ():
            numbers[f"{TRAINED_ON_IT}, decoder dropping", baseline.trained_on, test] = accuracy
    for test, accuracy in result.dropping.accuracy.items() if result.dropping else ():
        numbers["accuracy, decoder dropping", "", test] = accuracy
    for rows in result.rows:
        if rows.repeat:
            continue
        removed = {token: 1 - part.kept / part.weights for token, part in rows.by_token.items()}
        for token, share in removed.items():
            others = [other for name, other in removed.items() if name != token]
            numbers["removed of output", rows.function, token] = share
            numbers["removed beyond other outputs", rows.function, token] = share - max(others, default=math.nan)
    return numbers


def _kept(network: NetworkResult[SequenceResult], name: str, test: str) -> float:
    mask = network.mask(name)
    return mask.sufficiency.accuracy[test] if mask else math.nan
