"""Masks against planted truth: does a search find weights that are known to carry a function, and nothing else?

Estimators, sizes and kinds of network are crossed. A cell is one network with one estimator and one size; it is a file when it
is done, so that the check can be stopped at any time and goes on where it was.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

import torch
from torch import nn

from maskscope.analysis.recovery import average_precision, recovery
from maskscope.analysis.score import score
from maskscope.engine.spec import from_json, to_json
from maskscope.errors import ConfigError, FileFormatError, UnknownNameError
from maskscope.masks import ESTIMATORS, BehaviourKept, Penalty, Size, TargetDensity, bake, iou, make_estimator
from maskscope.masks.sizes import SIZES
from maskscope.storage import Json, digest, read_json, write_json
from maskscope.studies.planted.cache import planted_network, planted_path
from maskscope.studies.planted.kinds import KINDS
from maskscope.studies.planted.network import PlantedNetwork, PlantingConfig
from maskscope.studies.planted.record import FunctionRow, OverlapRow, PlantedRow, VerifyRecord, mean_defined, summaries
from maskscope.tasks import Part
from maskscope.tasks.task import NOT_ASKED
from maskscope.training import Discovery, MaskConfig, child_seed, discover
from maskscope.training.sizing.control import loss_range

_ITEMS_PER_STEP = 256
# Learning rate and penalty were chosen on root seeds 1000 to 1003 of the MLPs (rao-blackwell), which the default seed does not
# use: the highest accuracy under the mask, then the fewest undecided logits; F1 played no part. The penalty found there, 3e-4,
# is half of what the loss gains from all weights, divided by their number; so it is set on every kind of network.
_PENALTY = 0.5
VERIFY_CONFIG = MaskConfig(steps=1_000, learning_rate=0.1)
VERIFY_KINDS = tuple(KINDS)
# what own networks get by default; its cells are done first
DEFAULT = ("continuous-sparsification", "behaviour-kept")
Progress = Callable[[str, int, int], None]
# goes up when a search of the same settings finds other masks, so that cells of an earlier one are done again
_SEARCH_VERSION = 1


@dataclass(frozen=True)
class Cell:
    """One network with one estimator and one size."""

    kind: str
    net: int
    estimator: str
    size: str


@dataclass(frozen=True)
class CellResult:
    """What was found in a cell."""

    planted: PlantedRow
    functions: tuple[FunctionRow, ...]
    overlaps: tuple[OverlapRow, ...]


def verify_planted(
    nets: int = 6,
    cache: Path = Path("runs/planted"),
    *,
    seed: int = 0,
    kinds: Iterable[str] = VERIFY_KINDS,
    estimators: Iterable[str] = tuple(ESTIMATORS),
    sizes: Iterable[str] = tuple(SIZES),
    config: MaskConfig = VERIFY_CONFIG,
    progress: Progress | None = None,
    search: bool = True,
) -> VerifyRecord:
    """Plants networks of each kind, finds a mask for each of their functions, and compares masks and overlaps with the truth.

    Args:
        nets: networks of each kind.
        cache: folder of planted networks and of finished cells, filled as needed.
        seed: root seed of the networks, the data and the mask noise.
        kinds: names in ``maskscope.studies.planted.KINDS``.
        estimators: names in ``maskscope.masks.ESTIMATORS``.
        sizes: names in ``maskscope.masks.sizes.SIZES``. A size that an estimator cannot have is left out: exact-k has a density.
        config: settings of the search; its estimator and its size are not used.
        progress: called with what has just been done, how many cells are done, and how many there are.
        search: whether to do what is not done yet; if not, the record is of the finished cells.

    Raises:
        ConfigError: nothing was asked for, there is no such kind, or no construction counts.
        UnknownNameError: there is no such estimator or size.
        FileFormatError: a cached network or cell is damaged.
        MissingExtraError: scikit-learn is not installed.
    """
    cells = cells_of(nets, kinds, estimators, sizes)
    began = time.perf_counter()
    results: list[CellResult] = []
    for cell in cells:
        if not search and not _file_of(cell, cache, seed, config).exists():
            continue
        results.append(_cell(cell, cache, seed, config))
        if progress is not None:
            progress(f"{cell.kind}, network {cell.net + 1}, {cell.estimator}, {cell.size}", len(results), len(cells))
    return record_of(results, nets, seed, config, time.perf_counter() - began)


def cells_of(nets: int, kinds: Iterable[str], estimators: Iterable[str], sizes: Iterable[str]) -> list[Cell]:
    """The cells in the order in which they are done: the default for own networks first, then network by network.

    Raises:
        ConfigError: there are none, or there is no such kind.
        UnknownNameError: there is no such estimator or size.
    """
    kinds, estimators, sizes = (tuple(dict.fromkeys(names)) for names in (kinds, estimators, sizes))
    if nets < 1 or not kinds or not estimators or not sizes:
        raise ConfigError(
            f"{nets} networks of {len(kinds)} kinds, {len(estimators)} estimators and {len(sizes)} sizes were asked for; at "
            "least one of each was expected."
        )
    for kind in kinds:
        PlantingConfig(kind)
    for size in sizes:
        if size not in SIZES:
            raise UnknownNameError("size", size, SIZES)
    pairs = [
        (estimator, size)
        for estimator in estimators
        for size in sizes
        if size == TargetDensity.name or not make_estimator(estimator).exact
    ]
    if not pairs:
        raise ConfigError(
            f"No estimator among {', '.join(estimators)} can have a size among {', '.join(sizes)}: exact-k has target-density "
            "only."
        )
    first = [pair for pair in pairs if pair == DEFAULT]
    others = [pair for pair in pairs if pair != DEFAULT]
    ordered = [(net, pair) for some in (first, others) for net in range(nets) for pair in some]
    return [Cell(kind, net, *pair) for net, pair in ordered for kind in kinds]


def record_of(results: Sequence[CellResult], nets: int, seed: int, config: MaskConfig, seconds: float) -> VerifyRecord:
    """The record of some cells."""
    functions = tuple(row for result in results for row in result.functions)
    overlaps = tuple(row for result in results for row in result.overlaps)
    planted = {(result.planted.kind, result.planted.net): result.planted for result in results}
    return VerifyRecord(
        nets,
        seed,
        _settings(config) | {"items_per_step": _ITEMS_PER_STEP},
        torch.get_num_threads(),
        tuple(planted.values()),
        functions,
        overlaps,
        summaries(functions, overlaps),
        seconds,
    )


def _settings(config: MaskConfig) -> Json:
    """The settings that all cells have in common."""
    return {name: value for name, value in config.as_json().items() if name not in ("estimator", "size", "samples_per_step")}


def find_mask(planted: PlantedNetwork, function: str, config: MaskConfig, seed: int) -> Discovery:
    """The mask of one function; every function of every network has its own data and its own mask noise."""
    items, rest = divmod(_ITEMS_PER_STEP, config.samples)
    if rest:
        raise ConfigError(f"{_ITEMS_PER_STEP} items a step do not divide into {config.samples} samples.")

    def score_of(network: nn.Module, part: Part) -> torch.Tensor:
        return planted.task.right(network(part.inputs), part.targets)[part.targets != NOT_ASKED].to(torch.float32)

    return discover(
        planted.network,
        planted.task.loss,
        planted.task.batches(function, items, child_seed(seed, "mask-data", function)),
        selection=planted.selection,
        config=config,
        seed=seed,
        name=function,
        judge=False,  # the truth is known
        watch=False,
        score=score_of,
    )


def size_for(name: str, planted: PlantedNetwork, function: str, seed: int) -> Size:
    """The size with this name for one function: the penalty by rule, the density from the truth, the behaviour as it is."""
    if name == Penalty.name:
        part = planted.task.batches(function, 4 * _ITEMS_PER_STEP, child_seed(seed, "penalty", function))(0)
        nothing = planted.truth[function] - planted.truth[function]
        with torch.no_grad():
            whole, emptied = (float(planted.task.loss(one, part)) for one in (planted.network, bake(planted.network, nothing)))
        return Penalty(_PENALTY * loss_range(whole, emptied) / planted.selection.count)
    if name == TargetDensity.name:
        return TargetDensity(planted.truth[function].density)
    return BehaviourKept()


def _cell(cell: Cell, cache: Path, seed: int, config: MaskConfig) -> CellResult:
    network_seed = child_seed(seed, "planted", cell.kind, cell.net)
    planting = PlantingConfig(cell.kind)
    path = _file_of(cell, cache, seed, config)
    if path.exists():
        try:
            return from_json(CellResult, read_json(path))
        except ConfigError as error:
            raise FileFormatError(f"{path} does not hold what a cell is made of ({error}). Delete it and run again.") from error
    result = _searched(cell, planted_network(cache, planting, network_seed), network_seed, config)
    write_json(path, to_json(result))
    return result


def _file_of(cell: Cell, cache: Path, seed: int, config: MaskConfig) -> Path:
    """Where the result of a cell is kept."""
    network_seed = child_seed(seed, "planted", cell.kind, cell.net)
    network = planted_path(Path(), PlantingConfig(cell.kind), network_seed).name
    identity: Json = {"cell": asdict(cell), "network": network, "config": _settings(config), "version": _SEARCH_VERSION}
    return cache / "cells" / f"{digest(identity)[:20]}.json"


def _searched(cell: Cell, planted: PlantedNetwork, seed: int, config: MaskConfig) -> CellResult:
    masks, rows = {}, []
    for function in planted.task.functions:
        size = size_for(cell.size, planted, function, seed)
        # equal budgets: the steps of a whole path are those of one search
        steps = round(config.steps / size.cost) if isinstance(size, BehaviourKept) else config.steps
        own = replace(config, estimator=cell.estimator, size=size, steps=steps, samples_per_step=None)
        found = find_mask(planted, function, own, seed)
        masks[function] = found.mask
        rows.append(_function_row(cell, planted, function, found, own.samples))
    overlaps = [
        OverlapRow(
            cell.kind, cell.net, a, b, cell.estimator, cell.size, iou(masks[a], masks[b]), iou(planted.truth[a], planted.truth[b])
        )
        for a, b in combinations(masks, 2)
    ]
    return CellResult(_planted_row(planted, cell), tuple(rows), tuple(overlaps))


def _planted_row(planted: PlantedNetwork, cell: Cell) -> PlantedRow:
    by_magnitude, by_gradient = (mean_defined(list(f1.values())) for f1 in (planted.magnitude_f1, planted.gradient_f1))
    return PlantedRow(cell.kind, cell.net, planted.selection.count, by_magnitude, by_gradient, planted.steps, planted.rejected)


def _function_row(cell: Cell, planted: PlantedNetwork, function: str, found: Discovery, samples: int) -> FunctionRow:
    against = recovery(found.mask, planted.truth[function])
    return FunctionRow(
        kind=cell.kind,
        net=cell.net,
        function=function,
        estimator=cell.estimator,
        size=cell.size,
        precision=against.precision,
        recall=against.recall,
        f1=against.f1,
        auprc=average_precision(found.logits.by_tensor(), planted.truth[function]),
        kept=against.kept,
        true=against.true,
        outside=(found.mask - planted.territory[function]).kept,
        accuracy=score(planted.network, planted.task, found.mask).accuracy[function],
        calls=len(found.history.loss) * samples,
        seconds=found.seconds,
    )
