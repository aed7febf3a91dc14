"""How often a mask found with `BehaviourKept` keeps the share that was asked for on fresh data, and what the path costs.

    python -m benchmarks.behaviour_kept --searches 100 --record reproduction/behaviour-kept.json

Half of the searches are on planted MLPs (seeds that no other record uses), half on small trained networks: MLP 16-64-64-4 with
two functions, trained for 1,500 steps on random inputs, so that every datum is fresh. A search that is done is a file in
``--cells``: a run that was stopped goes on. Use one thread.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn

from benchmarks.turns import about
from maskscope.masks import BehaviourKept, BinaryMask, Penalty, bake, select
from maskscope.storage import Json, digest, read_json, write_json
from maskscope.studies.planted import PlantingConfig, planted_network
from maskscope.tasks.task import NOT_ASKED
from maskscope.training import FitConfig, MaskConfig, child_seed, discover, fit, isolated_random
from maskscope.zoo import MLP

SEED = 30_000
_ITEMS, _FRESH = 256, 20_000


@dataclass(frozen=True)
class Options:
    """What is measured."""

    searches: int = 100
    """Half on planted, half on trained networks."""
    share: float = 0.95
    """Of the score, to be kept."""
    steps: int = 1_000
    """Of one search; the path has twice as many."""
    cells: Path = Path("runs/behaviour-kept")
    """Folder of what was done so far; not part of the record."""
    planted: Path = Path("runs/planted")
    """Folder of planted networks."""
    done_only: bool = False
    """Search nothing: the record is of what is done so far."""
    record: Path = Path("behaviour-kept.json")
    """The record."""


@dataclass(frozen=True)
class Problem:
    """A function of a network: the loss and the score on a part, parts by index, and fresh data."""

    network: nn.Module
    loss: Callable[[nn.Module, Any], Tensor]
    score: Callable[[nn.Module, Any], Tensor]
    part: Callable[[int], Any]
    fresh: Any
    exclude: tuple[str, ...] = ("*bias*",)


@dataclass(frozen=True)
class Row:
    """One search.

    Args:
        kind: ``planted`` or ``trained``.
        number: of the search.
        asked: share of the score to be kept.
        kept: share that the mask keeps on fresh data.
        units: that it keeps.
        of: how many units there are.
        steps: that the path took, over those of one search.
        seconds: that the path took, over those of one search with a penalty, timed after it.
    """

    kind: str
    number: int
    asked: float
    kept: float
    units: int
    of: int
    steps: float
    seconds: float


def planted_problem(number: int, cache: Path) -> Problem:
    """One function of a planted MLP: three functions a network."""
    net, place = divmod(number, 3)
    planted = planted_network(cache, PlantingConfig("shared trunk"), child_seed(SEED, "planted", net))
    task = planted.task
    function = task.functions[place]
    return Problem(
        planted.network,
        task.loss,
        lambda network, part: task.right(network(part.inputs), part.targets)[part.targets != NOT_ASKED].float(),
        task.batches(function, _ITEMS, child_seed(SEED, "data", number)),
        task.every_input(function),
    )


def trained_problem(number: int) -> Problem:
    """One function of a trained MLP: is the sum of six inputs above 0, is the product of two others (the network has both)."""
    net, place = divmod(number, 2)
    seed = child_seed(SEED, "trained", net)
    with isolated_random(seed):
        network = MLP((16, 64, 64, 4))

    def inputs(index: int, items: int, purpose: str) -> Tensor:
        random = torch.Generator().manual_seed(child_seed(seed, purpose, index))
        return torch.randn(items, 16, generator=random)

    def targets(x: Tensor) -> Tensor:
        return torch.stack([x[:, :6].sum(1) > 0, x[:, 6] * x[:, 7] > 0], 1).long()

    def loss_of(network: nn.Module, x: Tensor, chosen: list[int]) -> Tensor:
        scores, wanted = network(x).view(len(x), 2, 2), targets(x)
        return nn.functional.cross_entropy(scores[:, chosen].reshape(-1, 2), wanted[:, chosen].reshape(-1))

    training = FitConfig(steps=1_500, learning_rate=3e-3)
    fit(network, lambda guest, x: loss_of(guest, x, [0, 1]), lambda i: inputs(i, 256, "fit"), config=training, seed=seed)
    return Problem(
        network,
        lambda guest, x: loss_of(guest, x, [place]),
        lambda guest, x: (guest(x).view(len(x), 2, 2)[:, place].argmax(1) == targets(x)[:, place]).float(),
        lambda index: inputs(index, _ITEMS, f"search {number}"),
        inputs(0, _FRESH, f"fresh {number}"),
    )


def search(problem: Problem, kind: str, number: int, options: Options) -> Row:
    """Searches along a path, measures on fresh data, and times a search with one penalty."""
    selection = select(problem.network, exclude=problem.exclude)

    def found(config: MaskConfig) -> Any:
        return discover(
            problem.network,
            problem.loss,
            problem.part,
            selection=selection,
            config=config,
            seed=child_seed(SEED, kind, number),
            watch=False,
            judge=False,
            score=problem.score,
        )

    path = found(MaskConfig.recommended(steps=options.steps, size=BehaviourKept(options.share)))
    plain = found(MaskConfig.recommended(steps=options.steps, size=Penalty(0.5 / selection.count)))
    with torch.no_grad():
        whole, nothing, mine = (
            float(problem.score(one, problem.fresh).mean())
            for one in (problem.network, bake(problem.network, _empty(path.mask)), bake(problem.network, path.mask))
        )
    kept = (mine - nothing) / (whole - nothing)
    ratio = path.seconds / plain.seconds
    return Row(kind, number, options.share, kept, path.mask.kept, path.mask.count, len(path.history.loss) / options.steps, ratio)


def _empty(mask: BinaryMask) -> BinaryMask:
    return mask - mask


def main(options: Options) -> None:
    """Does what is left of the searches, and writes the record."""
    began, rows = time.perf_counter(), []
    for number in range(options.searches):
        kind = ("planted", "trained")[number % 2]
        identity: Json = {"kind": kind, "number": number // 2, "share": options.share, "steps": options.steps, "seed": SEED}
        file = options.cells / f"{digest(identity)[:16]}.json"
        if options.done_only and not file.exists():
            continue
        if not file.exists():
            problem = planted_problem(number // 2, options.planted) if kind == "planted" else trained_problem(number // 2)
            row = search(problem, kind, number // 2, options)
            options.cells.mkdir(parents=True, exist_ok=True)
            write_json(file, asdict(row))
            print(f"{number + 1}/{options.searches} {row}", flush=True)
        rows.append(Row(**read_json(file)))
    summary = {
        kind: {
            "searches": len(mine),
            "kept the share on fresh data": sum(row.kept >= row.asked for row in mine),
            "lowest share kept": min(row.kept for row in mine),
            "mean share kept": sum(row.kept for row in mine) / len(mine),
            "mean units kept": sum(row.units for row in mine) / len(mine),
            "mean steps over those of one search": sum(row.steps for row in mine) / len(mine),
            "median seconds over those of one search": sorted(row.seconds for row in mine)[len(mine) // 2],
        }
        for kind in ("planted", "trained")
        if (mine := [row for row in rows if row.kind == kind])
    }
    for kind, numbers in summary.items():
        print(kind, numbers)
    record = {"about": about(), "summary": summary, "rows": [asdict(row) for row in rows], "seconds": time.perf_counter() - began}
    write_json(options.record, record)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(tyro.cli(Options, config=(tyro.conf.FlagCreatePairsOff,)))
