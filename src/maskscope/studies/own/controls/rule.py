"""A small function that a few weights of any network can be taught: a rule on its own inputs, read out of its own answers.

The rule is known by construction. Some weights are nudged at random; the rule says of an item whether that nudge moves a fixed
linear read-out of the network's answer by more than the median. Whatever the network and its inputs are, the nudged weights can
come to tell that rule, and it is balanced. The frozen network and its nudged copy give the right answer for any further item.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from maskscope.masks import call_with, evaluation_mode
from maskscope.tasks import Scores, Task
from maskscope.training import isolated_random
from maskscope.training.sizing.behaviours import outputs_of

RULE = "planted rule"
# parts of the user's data that the rule is taught and searched with, each with its right answers; and further ones to judge on
PARTS, HELD_OUT = 256, 16


class Ruled(NamedTuple):
    """A part of the user's data, and the rule's answer for each item.

    Args:
        part: whatever the task gives.
        labels: whether the rule holds, for each item.
    """

    part: Any
    labels: Tensor


@dataclass(frozen=True)
class Readout:
    """A linear read-out of a network's answers.

    Args:
        places: in the last dimension of an answer.
        direction: a factor for each.
        threshold: above which the network says that the rule holds.
        median: of how far the nudge moves the read-out: the rule holds for items that it moves further.
    """

    places: Tensor
    direction: Tensor
    threshold: float
    median: float

    def values(self, answers: Tensor) -> Tensor:
        """The read-out of each item."""
        return items_of(answers)[:, self.places] @ self.direction

    def margins(self, answers: Tensor) -> Tensor:
        """How far above the threshold each item is."""
        return self.values(answers) - self.threshold


class RuleTask(Task):
    """The rule as a task, on the inputs of another task.

    Args:
        base: the user's task.
        original: the network before anything was planted.
        nudged: the tensors of the network with the nudge that defines the rule, by dotted name.
        readout: how the answer is read.
        part_size: items of a part, as settings have it.
        seed: of the order of the data.
    """

    only_calls = False

    def __init__(
        self, base: Task, original: nn.Module, nudged: Mapping[str, Tensor], readout: Readout, part_size: int, seed: int
    ) -> None:
        self.base, self._original, self._nudged, self._readout = base, original, nudged, readout
        self._given, self._seed, self.device = base.batches(base.whole, part_size, seed), seed, base.device
        self._known: dict[int, Tensor] = {}
        self._scored: Tensor | None = None

    @property
    def functions(self) -> tuple[str, ...]:
        """The rule."""
        return (RULE,)

    @property
    def sizes(self) -> tuple[int, int]:
        """A user's network needs none: 0 and 0."""
        return 0, 0

    @property
    def evaluation_items(self) -> int:
        """As the user's task has them."""
        return self.base.evaluation_items

    @property
    def part_score(self) -> Callable[[nn.Module, Any], Any]:
        """Whether each item's answer is right."""
        return lambda network, ruled: (self.margins(network, ruled) > 0) == ruled.labels

    def batches(self, function: str, items: int, seed: int) -> Callable[[int], Ruled]:
        """See `Task.batches`: the same parts again and again, so that their right answers are computed once."""
        self.require(function)
        return lambda index: self.ruled(index % PARTS)

    def held_out(self, function: str) -> list[Ruled]:
        """See `Task.held_out`."""
        self.require(function)
        return [self.ruled(PARTS + place) for place in range(HELD_OUT)]

    def with_threshold(self, threshold: float) -> "RuleTask":
        """The same rule, read with another threshold."""
        result = copy.copy(self)
        result._readout = replace(self._readout, threshold=threshold)
        return result

    def ruled(self, index: int) -> Ruled:
        """A part with its right answers."""
        part = self._given(index)
        if index not in self._known:
            self._known[index] = self._labels(lambda network: first_answers(network, self.base, part), index)
        return Ruled(part, self._known[index])

    def margins(self, network: nn.Module, ruled: Ruled) -> Tensor:
        """The read-out of each item, against the threshold."""
        return self._readout.margins(first_answers(network, self.base, ruled.part))

    def loss(self, network: nn.Module, part: Any) -> Tensor:
        """Cross-entropy of the rule, in nats."""
        margins = self.margins(network, part)
        return nn.functional.binary_cross_entropy_with_logits(margins, part.labels.to(margins.dtype))

    def score(self, run: Callable[..., Tensor]) -> Scores:
        """The share of right answers over whatever the user's task scores."""
        network: Any = run
        if self._scored is None:
            self._scored = self._labels(lambda one: scored_answers(one, self.base), 0)
        right = (self._readout.margins(scored_answers(network, self.base)) > 0) == self._scored
        return Scores({RULE: float(right.double().mean())})

    def _labels(self, answers: Callable[[nn.Module], Tensor], index: int) -> Tensor:
        before, after = (
            self._readout.values(undisturbed(self._original, answers, self._seed + index, self.device, replaced))
            for replaced in ({}, self._nudged)
        )
        return after - before > self._readout.median


def first_answers(network: nn.Module, task: Task, part: Any) -> Tensor:
    """What the network answers to a part: the output of its first call in the loss.

    Raises:
        LossError: the loss does not call the network, or that gives no tensor.
    """
    return outputs_of(lambda use: use(network, part), task.loss)[0]


def scored_answers(network: nn.Module, task: Task) -> Tensor:
    """All that the network answers while the task scores it, item by item; outputs may differ in all dimensions but the last.

    Raises:
        LossError: see `first_answers`.
    """
    return torch.cat([items_of(one) for one in outputs_of(lambda use: use(network, None), lambda one, _: task.score(one))])


def undisturbed(
    network: nn.Module,
    answers: Callable[[nn.Module], Tensor],
    seed: int,
    device: torch.device,
    replaced: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Answers of a network in eval mode, without gradient, with torch's generator seeded, and some tensors replaced."""
    with isolated_random(seed % (1 << 62), device), evaluation_mode(network), torch.no_grad():
        return call_with(network, replaced or {}, answers)


def items_of(answers: Tensor) -> Tensor:
    """Answers as a matrix, a row for each item: whatever stands before the last dimension. Of a vector each entry is an item."""
    return (answers.unsqueeze(-1) if answers.dim() == 1 else answers.reshape(-1, answers.shape[-1])).float()
