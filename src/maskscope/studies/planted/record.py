"""What `verify_planted` found: typed rows for each network, function and estimator, and a summary for each estimator."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maskscope.storage import Json


@dataclass(frozen=True)
class PlantedRow:
    """One planted network.

    Args:
        kind: its name in ``maskscope.studies.planted.KINDS``.
        net: its number.
        weights: that can be masked.
        magnitude_f1: F1 of the top weights by magnitude at the true size; mean over functions.
        gradient_f1: the same by |weight x gradient|.
        steps: of fine-tuning.
        rejected: constructions before it that did not count, by reason.
    """

    kind: str
    net: int
    weights: int
    magnitude_f1: float
    gradient_f1: float
    steps: int
    rejected: Mapping[str, int]


@dataclass(frozen=True)
class FunctionRow:
    """The mask that one estimator found for one function of one network.

    Args:
        kind: of planted network.
        net: its number.
        function: the function's name.
        estimator: the estimator's name.
        precision: share of kept weights that are true; NaN if none is kept.
        recall: share of true weights that are kept.
        f1: harmonic mean of both.
        auprc: area under the precision-recall curve of the logits.
        kept: weights kept.
        true: true weights.
        outside: kept weights outside the function's own half; 0 by definition where there are no halves.
        accuracy: of the function under the mask, over all inputs.
        undecided: share of logits with a keep probability between .05 and .95.
        seconds: to find the mask.
    """

    kind: str
    net: int
    function: str
    estimator: str
    precision: float
    recall: float
    f1: float
    auprc: float
    kept: int
    true: int
    outside: int
    accuracy: float
    undecided: float
    seconds: float


@dataclass(frozen=True)
class OverlapRow:
    """The overlap of two functions' masks on one network, found and true."""

    kind: str
    net: int
    first: str
    second: str
    estimator: str
    iou: float
    true_iou: float

    @property
    def error(self) -> float:
        """Found minus true; NaN if both masks are empty."""
        return self.iou - self.true_iou


@dataclass(frozen=True)
class EstimatorSummary:
    """One estimator on one kind of network. The replicate is the network: its value is the mean over its functions.

    Args:
        kind: of planted network.
        estimator: the estimator's name.
        n: networks.
        precision: mean over networks.
        recall: mean.
        f1: mean.
        f1_std: sample standard deviation of F1 over networks; NaN for n = 1.
        worst_f1: the lowest F1 of any mask.
        auprc: mean.
        kept: mean number of kept weights.
        true: mean number of true weights.
        kept_function: share of masks under which every input is answered right.
        worst_accuracy: the lowest accuracy under any mask.
        outside: kept weights outside the own half, over all masks.
        overlap_error: mean of |found IoU - true IoU| over all pairs of functions.
        worst_overlap_error: the largest of them.
        seconds: mean time to find a mask.
    """

    kind: str
    estimator: str
    n: int
    precision: float
    recall: float
    f1: float
    f1_std: float
    worst_f1: float
    auprc: float
    kept: float
    true: float
    kept_function: float
    worst_accuracy: float
    outside: int
    overlap_error: float
    worst_overlap_error: float
    seconds: float


@dataclass(frozen=True)
class VerifyRecord:
    """Masks against planted truth.

    Args:
        nets: networks of each kind.
        seed: root seed.
        config: the settings of the search, but for the estimator.
        threads: of torch.
        planted: a row for each network.
        functions: a row for each network, function and estimator.
        overlaps: a row for each network, pair of functions and estimator.
        summary: a row for each kind and estimator.
        seconds: in all, with making the networks that were not in the cache.
    """

    nets: int
    seed: int
    config: Json
    threads: int
    planted: tuple[PlantedRow, ...]
    functions: tuple[FunctionRow, ...]
    overlaps: tuple[OverlapRow, ...]
    summary: tuple[EstimatorSummary, ...]
    seconds: float


def verify_table(record: VerifyRecord) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the summary, as text: one row for each kind of network and estimator."""
    header = ["networks", "n", "estimator", "precision", "recall", "F1", "worst F1", "AUPRC", "kept / true", "function kept"]
    header += ["outside", "IoU error", "worst", "s / mask"]
    rows = [
        [
            row.kind,
            str(row.n),
            row.estimator,
            _text(row.precision),
            _text(row.recall),
            f"{_text(row.f1)} ± {_text(row.f1_std)}",
            _text(row.worst_f1),
            _text(row.auprc),
            f"{row.kept:.1f} / {row.true:.1f}",
            f"{row.kept_function:.0%}",
            str(row.outside) if row.kind == "halves" else "",
            _text(row.overlap_error),
            _text(row.worst_overlap_error),
            f"{row.seconds:.1f}",
        ]
        for row in record.summary
    ]
    return header, rows


def _text(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.2f}"


def mean_defined(values: Sequence[float]) -> float:
    """The mean of what is defined; NaN if nothing is."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan
