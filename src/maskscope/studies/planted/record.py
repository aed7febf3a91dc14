"""What `verify_planted` found: typed rows for each network, function and estimator, and a summary for each estimator."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from maskscope.analysis.stats import summarise
from maskscope.storage import Json


@dataclass(frozen=True)
class PlantedRow:
    """One planted network.

    Args:
        kind: a name in ``maskscope.studies.planted.KINDS``.
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
    """The mask that one estimator found, with one size, for one function of one network.

    Args:
        kind: of planted network.
        net: its number.
        function: the function's name.
        estimator: the estimator's name.
        size: the name of the size.
        precision: share of kept weights that are true; NaN if none is kept.
        recall: share of true weights that are kept.
        f1: harmonic mean of both.
        auprc: area under the precision-recall curve of the logits.
        kept: weights kept.
        true: true weights.
        outside: kept weights outside the function's own half; 0 by definition where there are no halves.
        accuracy: of the function under the mask, over all inputs.
        calls: how often the network was called, each time with its share of the items of a step.
        seconds: to find the mask.
    """

    kind: str
    net: int
    function: str
    estimator: str
    size: str
    precision: float
    recall: float
    f1: float
    auprc: float
    kept: int
    true: int
    outside: int
    accuracy: float
    calls: int
    seconds: float


@dataclass(frozen=True)
class OverlapRow:
    """The overlap of two functions' masks on one network, found and true."""

    kind: str
    net: int
    first: str
    second: str
    estimator: str
    size: str
    iou: float
    true_iou: float

    @property
    def error(self) -> float:
        """Found minus true; NaN if both masks are empty."""
        return self.iou - self.true_iou


@dataclass(frozen=True)
class VerifySummary:
    """One estimator and one size on one kind of network. The replicate is the network: its value is the mean over its functions.

    Args:
        kind: of planted network.
        estimator: the estimator's name.
        size: the size's name.
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
        calls: mean number of calls of the network.
        seconds: mean time to find a mask.
    """

    kind: str
    estimator: str
    size: str
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
    calls: float
    seconds: float


@dataclass(frozen=True)
class VerifyRecord:
    """Masks against planted truth.

    Args:
        nets: networks of each kind that were asked for; where the check was stopped, a row of the summary has fewer.
        seed: root seed.
        config: the settings of the search, but for the estimator and the size.
        threads: of torch.
        planted: a row for each network.
        functions: a row for each network, function, estimator and size.
        overlaps: a row for each network, pair of functions, estimator and size.
        summary: a row for each kind, estimator and size.
        seconds: in all, with making what was not in the cache.
    """

    nets: int
    seed: int
    config: Json
    threads: int
    planted: tuple[PlantedRow, ...]
    functions: tuple[FunctionRow, ...]
    overlaps: tuple[OverlapRow, ...]
    summary: tuple[VerifySummary, ...]
    seconds: float


def summaries(functions: Sequence[FunctionRow], overlaps: Sequence[OverlapRow]) -> tuple[VerifySummary, ...]:
    """A summary for each kind, estimator and size that has rows, by kind."""
    found = sorted({(row.kind, row.estimator, row.size) for row in functions})
    kinds = list(dict.fromkeys(row.kind for row in functions))
    return tuple(_summary(*key, functions, overlaps) for key in sorted(found, key=lambda key: (kinds.index(key[0]), *key[1:])))


def _summary(
    kind: str, estimator: str, size: str, functions: Sequence[FunctionRow], overlaps: Sequence[OverlapRow]
) -> VerifySummary:
    rows = [row for row in functions if (row.kind, row.estimator, row.size) == (kind, estimator, size)]
    errors = [abs(row.error) for row in overlaps if (row.kind, row.estimator, row.size) == (kind, estimator, size)]
    nets = sorted({row.net for row in rows})

    def by_net(value: Callable[[FunctionRow], float]) -> list[float]:
        return [mean_defined([value(row) for row in rows if row.net == net]) for net in nets]

    f1 = summarise(by_net(lambda row: row.f1))
    return VerifySummary(
        kind=kind,
        estimator=estimator,
        size=size,
        n=len(nets),
        precision=mean_defined(by_net(lambda row: row.precision)),
        recall=mean_defined(by_net(lambda row: row.recall)),
        f1=f1.mean,
        f1_std=f1.std,
        worst_f1=min(row.f1 for row in rows),
        auprc=mean_defined(by_net(lambda row: row.auprc)),
        kept=mean_defined(by_net(lambda row: float(row.kept))),
        true=mean_defined(by_net(lambda row: float(row.true))),
        kept_function=sum(row.accuracy == 1 for row in rows) / len(rows),
        worst_accuracy=min(row.accuracy for row in rows),
        outside=sum(row.outside for row in rows),
        overlap_error=mean_defined(errors),
        worst_overlap_error=max((error for error in errors if error == error), default=float("nan")),
        calls=mean_defined(by_net(lambda row: float(row.calls))),
        seconds=mean_defined(by_net(lambda row: row.seconds)),
    )


def verify_table(record: VerifyRecord) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the summary, as text: one row for each kind of network, estimator and size."""
    header = [
        "networks",
        "n",
        "estimator",
        "size",
        "precision",
        "recall",
        "F1",
        "worst F1",
        "AUPRC",
        "kept / true",
        "function kept",
    ]
    header += ["outside", "IoU error", "worst", "calls", "s / mask"]
    rows = [
        [
            row.kind,
            str(row.n),
            row.estimator,
            row.size,
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
            f"{row.calls:,.0f}",
            f"{row.seconds:.1f}",
        ]
        for row in record.summary
    ]
    return header, rows


def _text(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}".replace("0.", ".", 1) if value < 1 else f"{value:.2f}"


def mean_defined(values: Sequence[float]) -> float:
    """The mean of what is defined; NaN if nothing is."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan
