"""What a mask step of each estimator costs, over a plain step of the frozen network on as many items.

Seconds are those of the processor, so that it matters little what else the machine does.
"""

import time
from dataclasses import asdict, replace

import torch

from benchmarks.cases import CASES, Case
from benchmarks.kinds import ALPHA, mask_steps
from benchmarks.step import load_noted
from benchmarks.turns import Runner, take_turns, timed
from maskscope.masks import ESTIMATORS, Penalty, Size, TargetDensity, evaluation_mode
from maskscope.storage import Json
from maskscope.training import Compute, MaskConfig

PLAIN = "plain"
# the target stands from the first step on, so that every step of exact-k has to find its k largest logits
_KEPT = TargetDensity(0.1, reached_after=0.0)


def step_costs(name: str, steps: int, blocks: int) -> Json:
    """Takes turns over a plain step and a mask step of each estimator, on a network of benchmarks/cases.py."""
    case, load = CASES[name], dict[str, object]()
    network = case.make()
    kinds = {PLAIN: _plain_steps(case, network)} | {one: _steps_of(one, case, network) for one in ESTIMATORS}
    with load_noted(load):
        timings = take_turns(kinds, steps, blocks)
    plain = timings[PLAIN].median
    return {
        "title": case.title,
        "items": case.batch,
        "samples": {one: _config(one).samples for one in ESTIMATORS},
        "seconds": {kind: asdict(timing) for kind, timing in timings.items()},
        "over_plain": {one: timings[one].median / plain for one in ESTIMATORS},
        **load,
    }


def _config(estimator: str) -> MaskConfig:
    size: Size = _KEPT if ESTIMATORS[estimator].exact else Penalty(ALPHA)
    return MaskConfig(estimator=estimator, size=size)


def _steps_of(estimator: str, case: Case, network: torch.nn.Module) -> Runner:
    config = _config(estimator)
    return mask_steps(replace(case, samples=config.samples), network, config, Compute(), clock=time.process_time)


def _plain_steps(case: Case, network: torch.nn.Module) -> Runner:
    """A forward and a backward pass in evaluation mode, with the gradients of all weights and no optimizer."""

    def step(number: int) -> None:
        network.zero_grad()
        torch.autograd.backward(case.loss(network, case.part(number, case.batch)))

    def run(steps: int) -> list[float]:
        with evaluation_mode(network):
            seconds = timed(step, steps, time.process_time)
        network.zero_grad()
        return seconds

    return run
