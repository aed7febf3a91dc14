"""The numbers of the controls: planted units found, and overlap on disjoint inputs."""

import math
from collections.abc import Mapping

from maskscope.engine.quantities import Numbers, Unit
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.units import by_measure
from maskscope.studies.own.result import OwnResult, SpikeIn

PLANTED_FOUND, PLANTED_BY_CHANCE = "planted weights found", "planted weights found by chance"
PRECISION, PRECISION_BEYOND = "planted among kept", "planted among kept by no other mask"
TOLD = "planted rule told"
DISJOINT, DISJOINT_FLOOR, DISJOINT_SHARING = (
    "dice on disjoint inputs",
    "dice floor on disjoint inputs",
    "normalised sharing, disjoint inputs",
)
CONTROL_UNITS: Mapping[str, Unit] = by_measure(
    {
        "share": (PLANTED_FOUND, PLANTED_BY_CHANCE, PRECISION, PRECISION_BEYOND, TOLD),
        "ratio": (DISJOINT, DISJOINT_FLOOR, DISJOINT_SHARING),
    }
)


def control_numbers(network: NetworkResult[OwnResult]) -> Numbers:
    """What the controls of one network gave; none where they were not run."""
    return _of_spike(network.more.spike_in) | _of_disjoint(network) if network.more else {}


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
