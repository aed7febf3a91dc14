"""How long a step of each kind takes here and now, measured by doing a few."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from maskscope.engine.runtime import Runtime
from maskscope.masks import Penalty
from maskscope.procedure.plans import MaskPlan
from maskscope.procedure.subject import Subject
from maskscope.procedure.work import SeedWork, compute_of
from maskscope.training import MaskSearch, discover_many, fit

# kinds of effort: a step of the network, a step of a mask, a pass of the network over all inputs that it is scored on
FIT, MASK, SCORE = "step of a network", "step of a mask", "pass over the data for scores"
_STEPS_TIMED = 4
_LONG = 2.0  # seconds


def seconds_of_steps(subject: Subject[Any], spec: Any, runtime: Runtime, group: Sequence[MaskPlan]) -> Mapping[str, float]:
    """Seconds of a step of the network, of a step of one mask in its group, and of a pass over the evaluation data.

    A pass is reckoned as a third of the training steps that go over as many items; of a network that is not trained here, from
    the calls of a step of the masks.
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

    mask = _one_step(masking)
    if given is not None:
        return {MASK: mask, SCORE: mask / spec.mask.samples_per_step / 3 * task.evaluation_items / spec.mask.part_size}
    step = _one_step(fitting)
    return {FIT: step, MASK: mask, SCORE: task.evaluation_items / spec.fit.batch_size * step / 3}


def _one_step(seconds: Callable[[int], float]) -> float:
    """Seconds of a step. The first also pays for buffers and data, so that others are timed, unless it took long anyway."""
    first = seconds(1)
    return first if first > _LONG else seconds(_STEPS_TIMED) / _STEPS_TIMED
