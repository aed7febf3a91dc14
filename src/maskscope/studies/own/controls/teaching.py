"""Teaches a copy of a network a rule in a few of its weights, until each of them is needed for it."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.analysis import score
from maskscope.masks import BinaryMask, call_with, evaluation_mode, weights_under
from maskscope.studies.own.controls.choosing import Change, UnitsOf
from maskscope.studies.own.controls.rule import PARTS, RULE, Readout, RuleTask, first_answers, items_of, undisturbed
from maskscope.tasks import Task
from maskscope.training import FitConfig, child_seed, fit

_ROUNDS, _STEPS, _LEARNING_RATE = 6, 40, 0.1
# parts that the rule is trained with, and that needs are judged on
_TRAINED_ON, _JUDGED_ON = 32, 8
# of the rule's answers: more before planting, and the network tells it already; fewer after, and it was not planted
TOLD_BEFORE, TOLD_AFTER = 0.75, 0.85
# a unit is needed if without it the loss rises by this share of what it rises by without all of them
_NEEDED = 0.02
# weight in the loss of the change of all answers, in units of their own variance: what is planted should leave the rest alone
_REST = 0.05


class NotPlanted(Exception):
    """Planting failed; the message is the reason."""


@dataclass(frozen=True)
class Planted:
    """A copy of a network into which a rule was planted.

    Args:
        network: the copy.
        truth: the units that carry the rule.
        rule: the rule.
        told_before: the share of the rule's answers that the network gave right before.
        steps: of the training.
    """

    network: nn.Module
    truth: BinaryMask
    rule: RuleTask
    told_before: float
    steps: int


@dataclass(frozen=True)
class Choice:
    """Weights and a rule that could be planted in them.

    Args:
        units: the units, by number.
        nudge: that defines the rule.
        readout: of the rule.
        factor: of the nudge, where training starts.
        told: the share of the rule's answers that are then right.
    """

    units: Sequence[int]
    nudge: Change
    readout: Readout
    factor: float
    told: float


class Teaching:
    """The training of one choice of weights.

    Args:
        original: the trained network.
        rule: that it is taught.
        choice: of weights.
        units: that masks are over.
        seed: of the training.
    """

    def __init__(self, original: nn.Module, rule: RuleTask, choice: Choice, units: UnitsOf, seed: int) -> None:
        self._original, self._rule, self._choice, self._units, self._seed = original, rule, choice, units, seed
        self._judged = [rule.ruled(PARTS + place) for place in range(_JUDGED_ON)]
        trained_on = [rule.ruled(place) for place in range(_TRAINED_ON)]
        self._parts = [(one, answers_to(original, rule.base, [one.part], seed)) for one in trained_on]

    def done(self) -> Planted:
        """Trains, and gives back what is not needed, until all is.

        Raises:
            NotPlanted: this does not lead anywhere.
        """
        chosen = self._choice.units
        trained = _Trained(self._original, self._choice)
        for number in range(1, _ROUNDS + 1):
            self._train(trained, number)
            network = trained.network()
            rule = self._rule.with_threshold(trained.threshold.item())
            told, whole = self._told(network, rule)
            if told < TOLD_AFTER:
                if number == _ROUNDS:
                    raise NotPlanted(f"after training, the network told the rule for {told:.0%} of the items")
                continue
            told_without, without = self._told(network, rule, chosen)
            if told_without > TOLD_BEFORE:
                raise NotPlanted("the rest of the network told the rule without the trained weights")
            losses = [self._told(network, rule, [unit])[1] for unit in chosen]
            needed = [unit for unit, loss in zip(chosen, losses, strict=True) if loss - whole >= _NEEDED * (without - whole)]
            if len(needed) == len(chosen):
                told_before = score(self._original, self._rule).accuracy[RULE]
                return Planted(network, self._units.mask(chosen), rule, told_before, number * _STEPS)
            if len(needed) < 2:
                raise NotPlanted("less than two of the trained weights were needed")
            chosen = needed
            trained = trained.only(self._units.mask(chosen))
        raise NotPlanted("some of the trained weights were not needed, however often the others were trained without them")

    def _train(self, trained: "_Trained", number: int) -> None:
        def loss(_: nn.Module, pair: Any) -> Tensor:
            ruled, before = pair
            answers = call_with(self._original, trained.tensors(), lambda one: first_answers(one, self._rule.base, ruled.part))
            after = items_of(answers)
            margins = self._choice.readout.values(after) - trained.threshold
            told = nn.functional.binary_cross_entropy_with_logits(margins, ruled.labels.to(margins.dtype))
            variance = before.var(0).mean() if len(before) > 1 else before.square().mean()
            rest: Tensor = (after - before).square().mean() / variance.clamp(min=1e-12)
            return told + _REST * rest

        with evaluation_mode(self._original):
            fit(
                trained,
                loss,
                lambda index: self._parts[index % len(self._parts)],
                config=FitConfig(_STEPS, _LEARNING_RATE),
                seed=child_seed(self._seed, "round", number),
            )

    def _told(self, network: nn.Module, rule: RuleTask, off: Sequence[int] = ()) -> tuple[float, float]:
        """The share of right answers on parts that were not trained on, and the loss, with some units off."""
        replaced: dict[str, Tensor] = {}
        if off:
            mask = self._units.mask(off)
            replaced = weights_under(network, (~mask).only(*(name for name, bits in mask.items() if bits.any())))
        with evaluation_mode(network), torch.no_grad():
            margins = call_with(network, replaced, lambda one: torch.cat([rule.margins(one, part) for part in self._judged]))
        labels = torch.cat([part.labels for part in self._judged])
        loss = nn.functional.binary_cross_entropy_with_logits(margins, labels.to(margins.dtype))
        return float(((margins > 0) == labels).double().mean()), float(loss)


class _Trained(nn.Module):
    """The weights that are trained, and the threshold of the read-out; all else is frozen.

    Args:
        network: the original.
        choice: of weights, and where training starts.
    """

    def __init__(self, network: nn.Module, choice: Choice) -> None:
        super().__init__()
        self._network = (network,)  # in a tuple, so that its parameters are not this module's
        self._nudge = choice.nudge
        # in units of the nudge, so that one learning rate fits all tensors
        self.factors = nn.ParameterList(torch.full_like(one, choice.factor) for one in choice.nudge.amounts.values())
        device = self.factors[0].device
        self.threshold = nn.Parameter(torch.tensor(choice.readout.threshold, device=device))

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that have a trained weight, by name."""
        moved = zip(self._nudge.amounts.items(), self.factors, strict=True)
        return {name: self._nudge.moved(self._network[0], name, factor * amounts) for (name, amounts), factor in moved}

    def network(self) -> nn.Module:
        """A copy of the network with the trained weights."""
        result = copy.deepcopy(self._network[0])
        with torch.no_grad():
            for name, tensor in self.tensors().items():
                result.get_parameter(name).copy_(tensor)
        return result

    def only(self, chosen: BinaryMask) -> "_Trained":
        """The same, with what was trained of some weights only; the others are as they were before any training."""
        result = copy.copy(self)
        kept = self._nudge.among(chosen)
        result._parameters, result._modules = dict(self._parameters), dict(self._modules)
        result._nudge = self._nudge.only(chosen)
        factors = zip(kept.values(), self.factors, strict=True)
        result.factors = nn.ParameterList(factor.detach()[here].clone() for here, factor in factors if here.any())
        return result


def answers_to(
    network: nn.Module, task: Task, parts: Sequence[Any], seed: int, replaced: Mapping[str, Tensor] | None = None
) -> Tensor:
    """What a network answers to some parts, a row for each item.

    Raises:
        NotPlanted: answers to different parts have different last dimensions.
    """
    found = [
        items_of(undisturbed(network, partial(first_answers, task=task, part=part), seed, task.device, replaced))
        for part in parts
    ]
    if len({one.shape[-1] for one in found}) > 1:
        raise NotPlanted("the network's answers differ in their last dimension from part to part, so that no read-out fits all")
    return torch.cat(found)
