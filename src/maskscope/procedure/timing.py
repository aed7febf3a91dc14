"""How long a step of each kind takes here and now, measured by doing a few."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from maskscope.analysis import score
from maskscope.engine.runtime import Runtime
from maskscope.masks import BehaviourKept, Penalty
from maskscope.procedure.plans import MaskPlan
from maskscope.procedure.settings import MaskSpec
from maskscope.procedure.subject import Subject
from maskscope.procedure.work import SeedWork, compute_of
from maskscope.tasks import Task
from maskscope.training import MaskSearch, discover_many, fit
from maskscope.training.sizing.path import stages_of

# kinds of effort: a step of the network, a step of a mask, a pass of the network over all inputs that it is scored on
FIT, MASK, SCORE = "step of a network", "step of a mask", "pass over the data for scores"
_STEPS_TIMED = 4
_LONG = 2.0  # seconds
# a path also looks at the score and the loss of the whole and of the emptied network
_LOOKS_AT_ENDS = 4


def seconds_of_steps(subject: Subject[Any], spec: Any, runtime: Runtime, group: Sequence[MaskPlan]) -> Mapping[str, float]:
    """Seconds of a step of the network, of a step of one mask in its group, and of a pass over the evaluation data.

    A pass of a given network is timed itself; of one that is trained here, it is reckoned as a third of the training steps that
    go over as many items. A step of a path has its share of the passes over the held-out data that masks are judged on.
    """
    work = SeedWork(subject, spec, 0, runtime)
    given = subject.given_network(spec, 0)
    network, task = (given if given is not None else work.initial_network()).to(work.task.device), work.task
    selection = work.selection(network)

    def fitting(steps: int) -> float:
        batches = task.batches(task.whole, spec.fit.batch_size, 0)
        return fit(network, task.loss, batches, config=replace(spec.fit.config(), steps=steps), seed=0).seconds

    def masking(steps: int) -> float:
        few = replace(spec.mask.config(), steps=steps, stop_when_settled=False, stop_when_lost=False, size=Penalty(0.0))
        searches = [(plan.search, plan.repeat) for plan in group]
        found = discover_many(
            network,
            task.loss,
            [MaskSearch(one.name, task.batches(one.function, spec.mask.part_size, 0), 0, repeat) for one, repeat in searches],
            selection=selection,
            config=few,
            compute=compute_of(subject, spec, runtime),
            check=False,
            judge=False,
            watch=False,
        )
        return found[0].seconds / len(found)

    seconds = {MASK: _one_step(masking)}
    if given is None:
        seconds[FIT] = _one_step(fitting)
        seconds[SCORE] = task.evaluation_items / spec.fit.batch_size * seconds[FIT] / 3
    else:
        seconds[SCORE] = _one_pass(network, task)
    seconds[MASK] += seconds[SCORE] * _passes_of_a_step(spec.mask, task, group[0].search.function)
    return seconds


def _one_step(seconds: Callable[[int], float]) -> float:
    """Seconds of a step. The first also pays for buffers, data and, on a new machine, for compiling, so that others are timed."""
    seconds(1)
    second = seconds(1)
    return second if second > _LONG else seconds(_STEPS_TIMED) / _STEPS_TIMED


def _one_pass(network: nn.Module, task: Task) -> float:
    began = time.perf_counter()
    score(network, task)
    return time.perf_counter() - began


def _passes_of_a_step(spec: MaskSpec, task: Task, function: str) -> float:
    """How many passes over the evaluation data take as long as judging the masks of a path does, for each of its steps."""
    config = spec.config()
    size = config.size
    if not isinstance(size, BehaviourKept):
        return 0.0
    held_out = task.held_out(function)
    parts = size.parts if held_out is None else min(size.parts, len(held_out))
    looks = len(stages_of(size, config.steps, config.least_stage)) + _LOOKS_AT_ENDS
    return looks * parts * spec.part_size / task.evaluation_items / config.most_steps
