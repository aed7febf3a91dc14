"""The task of a user: named functions, each with data of its own, a loss, and a score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskscope.errors import ScoreError
from maskscope.tasks.task import Scores, Task

Loss = Callable[[nn.Module, Any], Tensor]
Score = Callable[[nn.Module, Any], Any]
PartOf = Callable[[int], Any]
ScoredOn = Literal["held-out parts", "parts of indices that no search asks for", "parts seen in the search"]
# searches ask a function of an index for parts below this, each from a place of its own on, so that a repeat has other data; no
# higher, since numpy's seeds end at 2^32
INDICES = 1 << 30


@dataclass(frozen=True)
class FunctionData:
    """The data of one function.

    Args:
        name: of the function.
        parts: to search with: a list of parts, or a function of an index.
        scored: parts that scores are over.
        digest: of the content of the parts to search with; of a function of an index, of the first few.
        scored_digest: of the content of the parts that scores are over.
        scored_on: whether any of these is among the parts to search with.
        held_out: further parts, to judge masks on while they are sought; none: parts of a function of an index, of high indices.
    """

    name: str
    parts: Sequence[Any] | PartOf
    scored: tuple[Any, ...]
    digest: str
    scored_digest: str = ""
    scored_on: ScoredOn = "held-out parts"
    held_out: tuple[Any, ...] = ()


class UserFunctions(Task):
    """Functions that a user names.

    Args:
        functions: their data.
        loss: of a network on a part.
        score: of a network on a part: a share of right answers, or a number from 0 to 1 for each item.
        device: of the network; tensors in parts are moved there.
    """

    only_calls = False

    def __init__(self, functions: Sequence[FunctionData], loss: Loss, score: Score, device: torch.device | str = "cpu") -> None:
        self._data = {one.name: one for one in functions}
        self._loss, self._score, self.device = loss, score, torch.device(device)

    @property
    def functions(self) -> tuple[str, ...]:
        """The names that the user gave."""
        return tuple(self._data)

    @property
    def sizes(self) -> tuple[int, int]:
        """A user's network needs none: 0 and 0."""
        return 0, 0

    @property
    def evaluation_items(self) -> int:
        """How many parts a score is over."""
        return sum(len(one.scored) for one in self._data.values())

    def batches(self, function: str, items: int, seed: int) -> PartOf:
        """See `Task.batches`; a part is one of the user's, whatever its size. In the data of the whole, functions take turns."""
        self.require(function)
        chosen = self._data.values() if function == self.whole else (self._data[function],)
        each = [_in_order_of(one.parts, seed) for one in chosen]
        return lambda index: moved(each[index % len(each)](index // len(each)), self.device)

    @property
    def part_score(self) -> Score:
        """The user's score."""
        return self._score

    def held_out(self, function: str) -> Sequence[Any] | None:
        """See `Task.held_out`; of the whole, functions take turns."""
        self.require(function)
        chosen = [one.held_out for one in self._data.values() if function in (one.name, self.whole)]
        parts = [part for turn in zip(*chosen, strict=False) for part in turn]
        return [moved(part, self.device) for part in parts] or None

    def loss(self, network: nn.Module, part: Any) -> Any:
        """Whatever the user's loss gives; who differentiates it asks whether it is a scalar tensor."""
        return self._loss(network, part)

    def score(self, run: Callable[..., Tensor]) -> Scores:
        """The user's: the mean over all numbers that it gives for the function's scored parts.

        Raises:
            ScoreError: it is no share, and no number from 0 to 1 for each item.
        """
        return Scores({name: self._mean_score(run, one) for name, one in self._data.items()})

    def score_of(self, function: str, run: Callable[..., Tensor]) -> float:
        """See `Task.score_of`."""
        return self._mean_score(run, self._data[function])

    def _mean_score(self, run: Any, data: FunctionData) -> float:
        total, items = 0.0, 0
        for part in data.scored:
            value = _numbers(data.name, self._score(run, moved(part, self.device)))
            total, items = total + float(value.sum()), items + value.numel()
        return total / items


def moved(part: Any, device: torch.device) -> Any:
    """A part with its tensors on an accelerator; on the CPU it is as it was given."""
    if device.type == "cpu":
        return part
    if isinstance(part, dict):
        return {key: moved(item, device) for key, item in part.items()}
    if callable(getattr(part, "to", None)):
        return part.to(device)
    if isinstance(part, tuple) and hasattr(part, "_fields"):
        return type(part)(*(moved(item, device) for item in part))
    return type(part)(moved(item, device) for item in part) if type(part) in (list, tuple) else part


def _numbers(function: str, given: Any) -> Tensor:
    """A score, if it is a share, or a number from 0 to 1 for each item."""
    expected = "a share from 0 to 1, or a number from 0 to 1 for each item, was expected, such as (network(x).argmax(-1) == y)"
    try:
        value = torch.as_tensor(given).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise ScoreError(f"The score of function {function} is of the type {type(given).__name__}; {expected}.") from None
    if value.is_complex() or value.dim() > 1 or not value.numel() or not bool(((value >= 0) & (value <= 1)).all()):
        raise ScoreError(f"The score of function {function} is {_described(value)}; {expected}.")
    return value.double()


def _in_order_of(parts: Sequence[Any] | PartOf, seed: int) -> PartOf:
    if callable(parts):
        function = parts
        return lambda index: function((seed + index) % INDICES)
    given, count = parts, len(parts)

    def part(index: int) -> Any:
        turn, place = divmod(index, count)
        order = torch.randperm(count, generator=torch.Generator().manual_seed((seed + turn) % (1 << 62)))
        return given[int(order[place])]

    return part


def _described(value: Tensor) -> str:
    if value.is_complex() or not value.numel():
        return f"a tensor of {value.dtype} and shape {list(value.shape)}"
    if value.numel() == 1 and value.dim() < 2:
        return f"{float(value):.4g}"
    return f"a tensor of shape {list(value.shape)}, from {float(value.min()):.4g} to {float(value.max()):.4g}"
