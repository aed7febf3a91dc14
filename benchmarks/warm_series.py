"""Whether a search that starts from the mask of the checkpoint before saves steps, and whether it ends at another mask.

    OMP_NUM_THREADS=1 python -m benchmarks.warm_series --networks 5 --record reproduction/warm-series.json

Networks: MLP 16-32-32-4 with two functions (is the sum of six inputs above 0; is the product of two others), saved after 500 and
1,500 steps of training. Masks are sought on the later checkpoint, with several numbers of steps: cold, cold again with other
noise and data (the plain repeat), and from the mask that a long cold search found on the earlier checkpoint. Every mask is
compared with that of a long cold search on the later one, whose noise and data are again others.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn

from benchmarks.turns import about, with_interval
from maskscope.masks import BehaviourKept, BinaryMask, MaskLogits, Penalty, Size, bake, iou, select
from maskscope.procedure.starts import neighbours_logits
from maskscope.storage import write_json
from maskscope.training import Discovery, FitConfig, MaskConfig, MaskSearch, child_seed, discover_many, fit, isolated_random
from maskscope.zoo import MLP

SEED = 41_000
# inputs, answers, and which of the two outputs is asked
Part = tuple[Tensor, Tensor, Tensor]
_BEFORE, _AT = 500, 1_500
_FUNCTIONS = (0, 1)
_ITEMS, _FRESH = 64, 20_000
_LONG = 400


@dataclass(frozen=True)
class Options:
    """What is measured."""

    networks: int = 5
    """Networks, each with two functions: the replicates."""
    steps: tuple[int, ...] = (50, 100, 200)
    """Of a search."""
    record: Path = Path("warm-series.json")
    """The record."""


@dataclass(frozen=True)
class Row:
    """One mask.

    Args:
        network: its number.
        function: 0 or 1.
        size: what decides how large the mask becomes.
        start: ``cold``, ``cold again`` or ``warm``.
        steps: of the search; a path takes twice as many.
        kept: share of the score kept, on fresh data.
        units: that it keeps.
        like_long: IoU with the mask of a long cold search on the same checkpoint.
        like_before: IoU with the mask of a long cold search on the earlier checkpoint.
    """

    network: int
    function: int
    size: str
    start: str
    steps: int
    kept: float
    units: int
    like_long: float
    like_before: float


class Problem:
    """One network while it is trained, and its two functions."""

    def __init__(self, number: int) -> None:
        self._seed = child_seed(SEED, number)
        with isolated_random(self._seed):
            network = MLP((16, 32, 32, 4))
        self.network, self.states, done = network, dict[int, dict[str, Tensor]](), 0
        for steps in (_BEFORE, _AT):
            training = FitConfig(steps=steps - done, learning_rate=3e-3)
            fit(network, self._both, partial(int.__add__, done), config=training, seed=self._seed)
            self.states[steps], done = {name: one.clone() for name, one in network.state_dict().items()}, steps

    def at(self, checkpoint: int) -> nn.Module:
        """The network as it was after so many steps."""
        self.network.load_state_dict(self.states[checkpoint])
        return self.network

    def search(
        self, checkpoint: int, size: Size, steps: int, starts: Mapping[str, Sequence[MaskLogits | None]]
    ) -> dict[str, list[Discovery]]:
        """A mask for each function and each kind of start, all in one call; each has noise and data of its own.

        Args:
            checkpoint: steps of the network's training.
            size: of the masks.
            steps: of a search.
            starts: the initial logits for each function.
        """
        network = self.at(checkpoint)
        asked = [(start, function) for start in starts for function in _FUNCTIONS]
        found = discover_many(
            network,
            _loss,
            [
                MaskSearch(
                    f"{function} {start}",
                    partial(self._part, f"search {function} {checkpoint} {start}", function),
                    child_seed(self._seed, checkpoint),
                    initial=starts[start][function],
                )
                for start, function in asked
            ],
            selection=select(network, exclude=("*bias*",)),
            config=MaskConfig.recommended(steps=steps, size=size),
            watch=False,
            judge=False,
            check=False,
            score=_right,
        )
        by_start = {start: list[Discovery]() for start in starts}
        for (start, _), one in zip(asked, found, strict=True):
            by_start[start].append(one)
        return by_start

    def share_kept(self, function: int, mask: BinaryMask) -> float:
        """The share of the score that is kept on fresh data: 0 is the emptied network, 1 the whole one."""
        network, fresh = self.at(_AT), self._part("fresh", function, 0, _FRESH)
        with torch.no_grad():
            whole, nothing, mine = (
                float(_right(one, fresh).mean()) for one in (network, bake(network, mask - mask), bake(network, mask))
            )
        return (mine - nothing) / (whole - nothing)

    def _both(self, guest: nn.Module, index: int) -> Tensor:
        return sum((_loss(guest, self._part("fit", function, index)) for function in _FUNCTIONS), torch.zeros(()))

    def _part(self, purpose: str, function: int, index: int, items: int = _ITEMS) -> Part:
        x = torch.randn(items, 16, generator=torch.Generator().manual_seed(child_seed(self._seed, purpose, index)))
        return x, ((x[:, :6].sum(1) if function == 0 else x[:, 6] * x[:, 7]) > 0).long(), torch.full((items, 1, 2), function)


def _answers(guest: nn.Module, part: Part) -> Tensor:
    answers: Tensor = guest(part[0])
    return answers.view(-1, 2, 2).gather(1, part[2]).squeeze(1)


def _loss(guest: nn.Module, part: Part) -> Tensor:
    return nn.functional.cross_entropy(_answers(guest, part), part[1])


def _right(guest: nn.Module, part: Part) -> Tensor:
    return (_answers(guest, part).argmax(1) == part[1]).float()


def rows_of(number: int, options: Options) -> list[Row]:
    """All masks of one network."""
    problem, rows, cold = Problem(number), list[Row](), (None, None)
    for size in (Penalty(0.5 / select(problem.network, exclude=("*bias*",)).count), BehaviourKept()):
        before, long = (problem.search(at, size, _LONG, {"long": cold})["long"] for at in (_BEFORE, _AT))
        selection, device = before[0].logits.selection, torch.device("cpu")
        warm = [neighbours_logits(one.logits.by_unit(), selection, device) for one in before]
        found = {(_LONG, "long"): long}
        for steps in options.steps:
            some = problem.search(_AT, size, steps, {"cold": cold, "cold again": cold, "warm": warm})
            found |= {(steps, start): masks for start, masks in some.items()}
        for (steps, start), masks in found.items():
            for function, mask in enumerate(one.mask for one in masks):
                alike = [iou(mask, others[function].mask) for others in (long, before)]
                kept = problem.share_kept(function, mask)
                rows.append(Row(number, function, size.name, start, steps, kept, mask.kept, *alike))
    return rows


def summary(rows: list[Row]) -> list[dict[str, Any]]:
    """For each kind of search, means over networks with 95 % intervals; functions are averaged before."""
    kinds = dict.fromkeys((row.size, row.start, row.steps) for row in rows)
    found = []
    for kind in sorted(kinds, key=lambda kind: (kind[0], kind[2], kind[1])):
        here = [row for row in rows if (row.size, row.start, row.steps) == kind]
        numbers: dict[str, Any] = dict(zip(("size", "start", "steps"), kind, strict=True))
        for measure in ("kept", "units", "like_long", "like_before"):
            of = {row.network: [getattr(one, measure) for one in here if one.network == row.network] for row in here}
            numbers[measure] = with_interval([sum(values) / len(values) for values in of.values()])
        found.append(numbers | {"networks": len({row.network for row in here}), "masks": len(here)})
    return found


def main(options: Options) -> None:
    """Searches everything, and writes the record."""
    began, rows = time.perf_counter(), list[Row]()
    for number in range(options.networks):
        rows += rows_of(number, options)
        print(f"{number + 1}/{options.networks} {time.perf_counter() - began:.0f} s", flush=True)
    numbers = summary(rows)
    for one in numbers:
        print(one)
    rest = {"summary": numbers, "rows": [asdict(row) for row in rows], "seconds": time.perf_counter() - began}
    write_json(options.record, {"about": about()} | rest)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(tyro.cli(Options, config=(tyro.conf.FlagCreatePairsOff,)))
