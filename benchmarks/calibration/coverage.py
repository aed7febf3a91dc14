"""How often an interval at a nominal 95 % holds the mean that it is for."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.calibration.planted import LEVELS, missed_at_random
from maskscope.analysis import Proportion, Summary, proportion, summarise
from maskscope.training import child_seed

SIZES = (3, 5, 10)
SAMPLES = 5000
RECALLS = (1.0, 0.7, 0.5)
SYNTHETIC = 10


def of_population(values: Sequence[float], seed: int) -> dict[str, Proportion]:
    """Intervals of n networks, drawn with replacement from a population of networks whose mean is known exactly.

    With fewer than two networks there is nothing to draw from, and no share.
    """
    if len(values) < 2:
        return {str(n): proportion(0, 0) for n in SIZES}
    population = np.array(values, dtype=float)
    random = np.random.Generator(np.random.Philox(seed))
    return _coverage(lambda n: random.choice(population, n), float(population.mean()))


def of_normal(seed: int) -> dict[str, Proportion]:
    """Intervals of n normal numbers."""
    random = np.random.Generator(np.random.Philox(seed))
    return _coverage(random.standard_normal, 0.0)


def missing(seed: int) -> list[dict[str, object]]:
    """Normalised sharing of synthetic masks that miss true weights at random, by true Dice and recall."""
    rows: list[dict[str, object]] = []
    for recall in RECALLS:
        for level in LEVELS:
            seeds = [child_seed(seed, "missed", round(100 * recall), round(100 * level), place) for place in range(SYNTHETIC)]
            found: Summary = summarise([missed_at_random(level, recall, one) for one in seeds])
            rows.append({"recall": recall, "true": level, "mean": found.mean, "low": found.low, "high": found.high, "n": found.n})
    return rows


def _coverage(draw: Callable[[int], np.ndarray], mean: float) -> dict[str, Proportion]:
    found = {}
    for n in SIZES:
        intervals = [summarise(draw(n).tolist()) for _ in range(SAMPLES)]
        found[str(n)] = proportion(sum(one.low <= mean <= one.high for one in intervals), SAMPLES)
    return found
