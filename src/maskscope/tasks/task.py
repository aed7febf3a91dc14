"""What a task is: data, a loss and a score for some functions that one network performs. Tasks do not know about masks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.storage import digest

# Random indices are drawn for this many parts at a time, so that making one part is a slice and two look-ups.
_PARTS_AT_ONCE = 1024
# The target where an item asks for no answer; cross-entropy ignores it.
NOT_ASKED = -100


class Part(NamedTuple):
    """Inputs and targets for one call of the network."""

    inputs: Float[Tensor, "items *inputs"]
    targets: Int64[Tensor, "items *answers"]


@dataclass(frozen=True)
class Scores:
    """How well a network performs each function.

    Args:
        accuracy: share of right answers, by function.
        confusion: by true function, how often, in percent, the answer of each function was given, or none of them (``none``).
    """

    accuracy: Mapping[str, float]
    confusion: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class Task(ABC):
    """A problem that consists of functions (the paper calls them sub-tasks)."""

    whole = "all"
    only_calls = True
    """Whether loss and score only call the network, and use nothing else of it."""
    device: torch.device

    @property
    @abstractmethod
    def functions(self) -> tuple[str, ...]:
        """The names of the functions."""

    @property
    def mask_targets(self) -> tuple[str, ...]:
        """The names of the masks to find, besides the mask for all functions; by default, one for each function."""
        return self.functions

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, int]:
        """Numbers of network inputs and outputs."""

    @property
    @abstractmethod
    def evaluation_items(self) -> int:
        """How many items `score` is computed on."""

    @abstractmethod
    def batches(self, function: str, items: int, seed: int) -> Callable[[int], Any]:
        """Training data of one function, or of ``all``: a function from an index to a part of ``items`` items.

        Items are drawn uniformly with replacement. An index always gives the same part, whatever was asked for before.
        """

    @abstractmethod
    def loss(self, network: nn.Module, part: Any) -> Float[Tensor, ""]:
        """The training loss of a network on a part."""

    @abstractmethod
    def score(self, run: Callable[..., Tensor]) -> Scores:
        """Scores on the evaluation data; ``run`` is a function from inputs to outputs."""

    def score_of(self, function: str, run: Callable[..., Tensor]) -> float:
        """The score of one function; faster than all of them where a task can score it alone."""
        return self.score(run).accuracy[function]

    def on_whole(self) -> "Task":
        """The same task with only the evaluation data that are like the training data of the network; by default, all."""
        return self

    @property
    def part_score(self) -> Callable[[nn.Module, Any], Any] | None:
        """A score of a network on one part: a number from 0 to 1 for each item, or one share; None: there is none."""
        return None

    def held_out(self, function: str) -> Sequence[Any] | None:
        """Parts that no training uses, to judge masks on while they are sought; None: any parts of `batches` of high indices."""
        del function
        return None

    def require(self, function: str) -> None:
        """Raises `UnknownNameError` unless the task has training data of that name."""
        if function not in (*self.mask_targets, self.whole):
            raise UnknownNameError("function", function, (*self.mask_targets, self.whole))


def uniform_choice(items: int, among: int, seed: int) -> Callable[[int], Int64[Tensor, " items"]]:
    """A function that draws ``items`` numbers uniformly from 0 to ``among - 1`` for an index; equal for equal index and seed."""
    if items < 1:
        raise ConfigError(f"A part of {items} items was asked for; at least 1 is needed.")
    current: tuple[int, Tensor] = (-1, torch.empty(0))

    def choose(index: int) -> Tensor:
        nonlocal current
        block, place = divmod(index, _PARTS_AT_ONCE)
        if current[0] != block:
            generator = torch.Generator().manual_seed(int(digest(["maskscope/data", seed, block])[:15], 16))
            current = block, torch.randint(among, (_PARTS_AT_ONCE, items), generator=generator)
        return current[1][place]

    return choose
