"""What came out of the rows: means with their intervals, of each design and of each planted level."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from benchmarks.calibration.null import Trial
from benchmarks.calibration.planted import Planted
from maskscope.analysis import Proportion, Summary, proportion, summarise

LEVEL = 0.05
_BINS = 10


@dataclass(frozen=True)
class DesignSummary:
    """What came out of one design.

    Args:
        title: of the design.
        n: tests, each on a network of its own.
        rejected: p <= .05.
        rejected_matched: the same with the null's masks brought to the size of B's.
        p_matched: mean over the tests.
        rejected_sizes: the same by sizes alone (hypergeometric).
        mid_p: mean over the tests.
        bins: how many mid-p lie in each tenth.
        uniform_p: chi-square of the bins against equal numbers; NaN below 100 tests.
        observed: Dice of A and B.
        null: mean Dice of a test's null.
        floor: what sizes give.
        sharing: normalised sharing.
        accuracy: of the networks without a mask, the worst function of the worst one.
        sufficiency: means, of A for A, B for B, the null's for theirs.
        kept: mean weights in the mask of A, of B, of the null.
        undecided: mean share of undecided logits.
    """

    title: str
    n: int
    rejected: Proportion
    rejected_matched: Proportion
    p_matched: Summary
    rejected_sizes: Proportion
    mid_p: Summary
    bins: tuple[int, ...]
    uniform_p: float
    observed: Summary
    null: Summary
    floor: Summary
    sharing: Summary
    accuracy: float
    sufficiency: tuple[float, ...]
    kept: tuple[float, ...]
    undecided: float


@dataclass(frozen=True)
class LevelSummary:
    """Normalised sharing at one planted level.

    Args:
        true: planted Dice D.
        expected: normalised sharing of the true masks, mean.
        sharing: of the masks found.
        precision: mean.
        recall: mean.
        explained: mean share of variance under the masks.
        undecided: mean.
    """

    true: float
    expected: float
    sharing: Summary
    precision: float
    recall: float
    explained: float
    undecided: float


def summary_of(title: str, rows: Sequence[Trial]) -> DesignSummary:
    """What came out of some tests."""
    mid = [row.mid_p for row in rows if not math.isnan(row.mid_p)]
    bins = np.histogram(mid, bins=_BINS, range=(0, 1))[0]
    uniform = float(scipy.stats.chisquare(bins).pvalue) if len(mid) >= 100 else math.nan
    matched = [row.p_matched for row in rows if not math.isnan(row.p_matched)]
    return DesignSummary(
        title=title,
        n=len(rows),
        rejected=_rejected([row.p for row in rows]),
        rejected_matched=_rejected(matched),
        p_matched=_spread(matched),
        rejected_sizes=_rejected([row.p_sizes for row in rows]),
        mid_p=_spread(mid),
        bins=tuple(int(one) for one in bins),
        uniform_p=uniform,
        observed=_spread([row.observed for row in rows]),
        null=_spread([sum(row.null) / len(row.null) for row in rows]),
        floor=_spread([row.floor for row in rows]),
        sharing=_spread([row.sharing for row in rows]),
        accuracy=min(row.accuracy for row in rows),
        sufficiency=tuple(float(np.mean([row.sufficiency[place] for row in rows])) for place in range(3)),
        kept=tuple(float(np.mean([row.kept[place] for row in rows])) for place in range(3)),
        undecided=float(np.mean([row.undecided for row in rows])),
    )


def level_of(level: float, rows: Sequence[Planted]) -> LevelSummary:
    """What came out at one planted level."""
    here = [row for row in rows if row.true == level]

    def mean(field: str) -> float:
        return sum(float(getattr(row, field)) for row in here) / len(here)

    sharing = summarise([row.sharing for row in here])
    return LevelSummary(level, mean("expected"), sharing, mean("precision"), mean("recall"), mean("explained"), mean("undecided"))


def _rejected(p_values: Sequence[float]) -> Proportion:
    return proportion(sum(p <= LEVEL + 1e-9 for p in p_values), len(p_values))


def _spread(values: Sequence[float]) -> Summary:
    """Without the single values, which are in the lines of the tests."""
    found = summarise(values)
    return Summary(found.n, found.mean, found.std, found.low, found.high, ())
