"""The kinds of steps that are compared on one network.

*plain* is an ordinary training loop with nothing around it, in training mode. *mask* is what `discover` does, but
for the measurements of one step in a hundred: logits at their start, where every gate has to be drawn; *settled*: 1 % alive and
the rest far below, made so for the benchmark. *plain PyTorch* is the same with the reference kernels; *the paper's way* its
estimator as its code has it; *at once*: of several masks or networks, the time of each; *grow*, a mask and free weights together
(permuted MNIST). bfloat16 only where there are instructions for it. On a GPU, plain steps and those of the paper's way are timed
a turn at a time, because their loops need not wait for the device after each step; a mask step waits by itself.
"""

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import pairwise

import torch

from benchmarks.cases import CASES, Case
from benchmarks.paper_way import paper_step
from benchmarks.turns import Clock, Runner, timed, timed_together
from maskscope.masks import MaskLogits, Noise, Penalty, evaluation_mode, has_bfloat16, select
from maskscope.training import (
    Compute,
    FitConfig,
    History,
    LoopConfig,
    MaskConfig,
    MaskObjective,
    MaskSearch,
    StepReport,
    fit_many,
    run_loop,
)
from maskscope.training.grow_objective import GrowthObjective
from maskscope.zoo import MLP

ALPHA = 7.8125e-7


class _Limited(MaskObjective):
    """Ends after so many steps of a long run."""

    limit = 0

    def is_done(self, step: int) -> bool:
        return step >= self.limit


class _LimitedGrowth(GrowthObjective):
    """The same, of a mask that grows with its weights."""

    limit = 0

    def is_done(self, step: int) -> bool:
        return step >= self.limit


class _Stopwatch(History):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.ends = clock, list[float]()

    def after_step(self, report: StepReport) -> None:
        super().after_step(report)
        self.ends.append(self.clock())


def mask_steps(
    case: Case,
    network: torch.nn.Module,
    config: MaskConfig,
    compute: Compute,
    *,
    settled: bool = False,
    masks: int = 1,
    networks: int = 1,
    clock: Clock = time.perf_counter,
) -> Runner:
    """Steps of a search for one mask, or for several at once, of one network or of several: seconds are those of each mask."""
    selection = select(network, exclude=case.exclude)
    of_masks = [network, *(case.make().to(case.device) for _ in range(networks - 1))]
    wanted = [MaskSearch("benchmark", partial(_part, case), number, network=one) for one in of_masks for number in range(masks)]

    def make() -> _Limited:
        objective = _Limited(network, case.loss, wanted, selection, config, compute)
        if settled:
            flat = objective.logits[0].flat
            random = torch.Generator().manual_seed(0)
            alive = torch.rand(flat.shape, generator=random) < 0.01
            flat.copy_(torch.where(alive, 3 + 2 * torch.randn(flat.shape, generator=random), -60.0))
        return objective

    return _steps_of(make, network, config, len(wanted), clock)


def _growing_steps(case: Case, network: torch.nn.Module, config: MaskConfig) -> Runner:
    """Steps in which a mask and all weights but a third of them are learned together."""
    selection = select(network, exclude=case.exclude)
    random = torch.Generator().manual_seed(0)
    free = {weight.name: (torch.rand(weight.shape, generator=random) > 0.3).to(case.device) for weight in selection.weights}
    logits = MaskLogits.full(selection, config.initial_logit, torch.device(case.device))
    batches = partial(_part, case)

    def make() -> _LimitedGrowth:
        return _LimitedGrowth(
            *(network, case.loss, batches, logits, free, Noise(0, "benchmark"), config, "auto", "auto", lambda text: None)
        )

    return _steps_of(make, network, config)


def _part(case: Case, index: int) -> object:
    return case.part(index, case.batch // case.samples)


def _steps_of(
    make: Callable[[], _Limited | _LimitedGrowth],
    network: torch.nn.Module,
    config: MaskConfig,
    masks: int = 1,
    clock: Clock = time.perf_counter,
) -> Runner:
    """Every turn has an objective of its own, made before the first step: one objective has one first step."""

    def run(steps: int) -> list[float]:
        watch = _Stopwatch(clock)
        loop = LoopConfig(config.steps, 1e-9, config.clip_norm)
        with evaluation_mode(network), closing(make()) as objective:
            objective.limit = steps + 1
            run_loop(objective, loop, seed=0, identity={}, observers=[[watch], *([] for _ in range(masks - 1))])
        return [(after - before) / masks for before, after in pairwise(watch.ends)]

    return run


def _plain_steps(case: Case, network: torch.nn.Module, *, fused: bool) -> Runner:
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-9, fused=fused, foreach=not fused)

    def step(number: int) -> None:
        optimizer.zero_grad()
        torch.autograd.backward(case.loss(network, case.part(number, case.batch)))
        optimizer.step()

    return _freely(step, case.device)


def _fits_at_once(case: Case, count: int) -> Runner:
    """Steps in which several networks are trained together; seconds are those of each network."""

    def run(steps: int) -> list[float]:
        networks, watch = [case.make().to(case.device) for _ in range(count)], _Stopwatch(time.perf_counter)
        batches = [partial(case.part, items=case.batch) for _ in networks]
        config = FitConfig(steps + 1, 1e-9)
        observers = [[watch], *([] for _ in networks[1:])]
        fit_many(networks, case.loss, batches, config=config, seeds=[0] * count, observers=observers)
        return [(after - before) / count for before, after in pairwise(watch.ends)]

    return run


def _freely(step: Callable[[int], object], device: str) -> Runner:
    """Steps that do not wait for the device."""
    return partial(timed_together if device == "cuda" else timed, step)


def kinds_of_steps(case: Case) -> dict[str, Runner]:
    """Everything that is compared on one network."""
    network, on_device = case.make().to(case.device), case.device != "cpu"
    config = MaskConfig(samples_per_step=case.samples, size=Penalty(ALPHA))
    paper = MaskConfig(samples_per_step=case.samples, size=Penalty(ALPHA), estimator="straight-through")
    fast, bfloat16, plain = Compute(), Compute(dtype="bfloat16"), Compute(kernels="reference")

    mask = partial(mask_steps, case, network)
    kinds = {
        "plain, fused Adam": _plain_steps(case, network, fused=True),
        "plain, foreach Adam": _plain_steps(case, network, fused=False),
        "mask, rao-blackwell": mask(config, fast),
        "mask, rao-blackwell, settled": mask(config, fast, settled=True),
        "mask, rao-blackwell, three at once, each": mask(config, fast, masks=3),
        "mask, straight-through": mask(paper, fast),
        "mask, rao-blackwell, plain PyTorch": mask(config, plain),
    }
    if not on_device:
        kinds["mask, straight-through, samples in threads"] = mask(paper, Compute(executor="threads"))
    if has_bfloat16(torch.device(case.device)):
        kinds["mask, rao-blackwell, bfloat16"] = mask(config, bfloat16)
    if case.title in (CASES["small"].title, CASES["medium"].title):
        kinds["mask, rao-blackwell, three of each of ten networks at once, each"] = mask(config, fast, masks=3, networks=10)
        kinds["training ten networks at once, each"] = _fits_at_once(case, 10)
    if case.title == CASES["mnist"].title:
        kinds["grow, rao-blackwell"] = _growing_steps(case, case.make().to(case.device), config)
    if isinstance(network, MLP):
        step = paper_step(network.layers, lambda f, n: case.loss(f, case.part(n, case.batch)), case.samples, ALPHA)
        kinds["mask, the paper's way"] = _freely(step, case.device)
    return kinds
