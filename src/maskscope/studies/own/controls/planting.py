"""Plants a rule into a copy of any network: chooses a few weights, and a rule that they can be taught."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from maskscope.masks import Off, Selection
from maskscope.studies.own.controls.choosing import UnitsOf, direction_of, influence_of, nudge_of, with_rule
from maskscope.studies.own.controls.rule import Readout, RuleTask
from maskscope.studies.own.controls.teaching import TOLD_AFTER, TOLD_BEFORE, Choice, NotPlanted, Planted, Teaching, answers_to
from maskscope.tasks import Task
from maskscope.training import child_seed

# choices of weights and rule that are looked at; those that tell the rule so often before any training are trained at once
_CHOICES, _PROMISING = 12, 0.8
# if nothing came of these, so many of the others are trained
_TRAININGS = 3
# with so many planted units no further choice is trained; of fewer, recall is a coarse number
_ENOUGH = 4
# multiples of the nudge that are tried; training starts from the smallest that tells the rule, else from the best
_FACTORS = (2.0, 4.0, 8.0, 16.0)
# parts that the rule is made from
_PARTS = 8


def plant(original: nn.Module, task: Task, selection: Selection, off: Off, part_size: int, seed: int) -> Planted:
    """Plants a rule. The truth is minimal: without any one of its units the rule is told less well.

    Args:
        original: the trained network; it is not changed.
        task: the user's.
        selection: the weights that masks are over, and their units.
        off: what stands in place of units that are off.
        part_size: items of a part, as settings have it.
        seed: of the choice of weights and of the rule.

    Raises:
        NotPlanted: no rule was found that the network does not tell already, or training did not make it tell one.
        LossError: the answers of the network cannot be read.
    """
    given, units = task.batches(task.whole, part_size, child_seed(seed, "parts")), UnitsOf(selection, off)
    parts = [given(index) for index in range(_PARTS)]
    before = answers_to(original, task, parts, seed)
    influence = influence_of(original, task, parts, selection, seed)
    answers = partial(answers_to, original, task, parts, seed)

    def along(readout: Readout) -> Mapping[str, Tensor]:
        return influence_of(original, task, parts, selection, seed, readout.values)

    def trained(choice: Choice) -> Planted:
        rule = RuleTask(task, original, choice.nudge.tensors(original), choice.readout, part_size, child_seed(seed, "parts"))
        return Teaching(original, rule, choice, units, seed).done()

    planted, later, reasons = list[Planted](), list[Choice](), list[str]()
    for number in range(_CHOICES):
        random = torch.Generator().manual_seed(child_seed(seed, "choice", number) % (1 << 62))
        pool = units.pool(random) if number % 2 == 0 else units.every
        try:
            choice = _choice(original, units, pool, influence, random, before, answers, along)
            if choice.told < _PROMISING:
                later.append(choice)
                continue
            planted.append(trained(choice))
        except NotPlanted as failure:
            reasons.append(str(failure))
        if any(one.truth.kept >= _ENOUGH for one in planted):
            break
    for choice in sorted(later, key=lambda one: -one.told)[: 0 if planted else _TRAININGS]:
        try:
            planted.append(trained(choice))
            break
        except NotPlanted as failure:
            reasons.append(str(failure))
    if planted:
        return max(planted, key=lambda one: one.truth.kept)
    raise NotPlanted(f"no choice of weights led to a rule: {'; '.join(dict.fromkeys(reasons))}")


def _choice(
    original: nn.Module,
    units: UnitsOf,
    pool: Sequence[int],
    influence: Mapping[str, Tensor],
    random: torch.Generator,
    before: Tensor,
    answers: Callable[[Mapping[str, Tensor]], Tensor],
    influence_along: Callable[[Readout], Mapping[str, Tensor]],
) -> Choice:
    """Chooses weights and a rule, and the size of the change that training starts from.

    Raises:
        NotPlanted: the choice leads to no rule.
    """
    chosen = units.draw(influence, pool, random)
    if len(chosen) < 2:
        raise NotPlanted("hardly any weight has an influence on the network's answers")
    readout = direction_of(before, answers(nudge_of(original, units.mask(chosen), influence, random).tensors(original)))
    if readout is None:
        raise NotPlanted("a change of the chosen weights changed none of the answers")
    # now that it is known what is read, those weights that change it
    along = influence_along(readout)
    chosen = units.draw(along, pool, random)
    if len(chosen) < 2:
        raise NotPlanted("hardly any weight has an influence on what is read of the network's answers")
    nudge = nudge_of(original, units.mask(chosen), along, random)
    after = answers(nudge.tensors(original))
    readout = with_rule(readout, before, after)
    if readout is None:
        raise NotPlanted("a change of the chosen weights changed the answers to all items alike")
    labels = readout.values(after) - readout.values(before) > readout.median

    def told(values: Tensor) -> float:
        return float(((values > values.median()) == labels).double().mean())

    if not 1 - TOLD_BEFORE <= told(readout.values(before)) <= TOLD_BEFORE:
        raise NotPlanted("the network told the rule, or its contrary, before anything was planted")
    tried = {factor: told(readout.values(answers(nudge.tensors(original, factor)))) for factor in _FACTORS}
    enough = [factor for factor in _FACTORS if tried[factor] >= TOLD_AFTER]
    factor = enough[0] if enough else max(_FACTORS, key=lambda one: tried[one])
    return Choice(chosen, nudge, readout, factor, tried[factor])
