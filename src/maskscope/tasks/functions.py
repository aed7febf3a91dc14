"""The task of a user: named functions, each with data of its own, a loss, and a score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from maskscope.errors import ScoreError
from maskscope.tasks.objective import Objective, Score
from maskscope.tasks.task import Scores, Task

PartOf = Callable[[int], Any]
ScoredOn = Literal["held-out parts", "parts of indices that no search asks for", "parts seen in the search"]
# searches ask a function of an index for parts below this, each from a place of its own on, so that a repeat has other data; no
# higher, since numpy's seeds end at 2^32
INDICES = 1 << 30
# answers of the unmasked network are kept up to so many bytes; further ones are computed anew each time
_MOST_BYTES = 2 << 30


class Asked(NamedTuple):
    """A part with what loss and score need besides.

    Args:
        objective: place among the task's different objectives.
        part: the user's.
        answers: of the unmasked network, where they are compared with.
    """

    objective: int
    part: Any
    answers: Any


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
        objectives: the loss and the score of each function, by its name.
        device: of the network; tensors in parts are moved there.
        unmasked: calls a function with the trained network, without a mask, and returns what it returns; needed where an
            objective compares with it.
    """

    only_calls = False

    def __init__(
        self,
        functions: Sequence[FunctionData],
        objectives: Mapping[str, Objective],
        device: torch.device | str = "cpu",
        unmasked: Callable[[Callable[[nn.Module], Any]], Any] | None = None,
    ) -> None:
        self._data = {one.name: one for one in functions}
        self._objectives = objectives
        self._different = list({id(one): one for one in objectives.values()}.values())
        self.device, self._unmasked = torch.device(device), unmasked
        self._answers: dict[tuple[str, str, int], Any] = {}
        self._bytes = 0

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
        each = [self._in_order_of(one, seed) for one in chosen]
        return lambda index: each[index % len(each)](index // len(each))

    def first_part(self, function: str) -> Any:
        """A part of a function's data, as the user gave it."""
        parts = self._data[function].parts
        return parts(0) if callable(parts) else parts[0]

    @property
    def part_score(self) -> Score:
        """The score of the part's function."""
        return self._score_of

    def held_out(self, function: str) -> Sequence[Any] | None:
        """See `Task.held_out`; of the whole, functions take turns."""
        self.require(function)
        chosen = [one for one in self._data.values() if function in (one.name, self.whole)]
        asked = [[self._asked(one, "held out", place, part) for place, part in enumerate(one.held_out)] for one in chosen]
        return [part for turn in zip(*asked, strict=False) for part in turn] or None

    def loss(self, network: nn.Module, part: Any) -> Any:
        """Whatever the function's loss gives; who differentiates it asks whether it is a scalar tensor."""
        objective, given, answers = self._parted(part)
        return objective.loss(network, given, answers)

    def check(self, network: nn.Module, part: Any) -> None:
        """See `Objective.check`."""
        objective, given, _ = self._parted(part)
        objective.check(network, given)

    def score(self, run: Callable[..., Tensor]) -> Scores:
        """The mean over all numbers that a function's score gives for its scored parts.

        Raises:
            ScoreError: it is no share, and no number from 0 to 1 for each item.
        """
        return Scores({name: float(self.scored_items(run, name).mean()) for name in self._data})

    def scored_items(self, run: Any, function: str) -> Tensor:
        """What the score gives for the function's scored parts, one number after the other.

        Raises:
            ScoreError: it is no share, and no number from 0 to 1 for each item.
        """
        data = self._data[function]
        asked = (self._asked(data, "scored", place, part) for place, part in enumerate(data.scored))
        return torch.cat([numbers_of(function, self._score_of(run, part)).reshape(-1) for part in asked])

    def _score_of(self, network: nn.Module, part: Any) -> Any:
        objective, given, answers = self._parted(part)
        return objective.score(network, given, answers)

    def _in_order_of(self, data: FunctionData, seed: int) -> PartOf:
        if callable(data.parts):
            function = data.parts
            return lambda index: self._asked(data, "", 0, function((seed + index) % INDICES))
        given, count = data.parts, len(data.parts)

        def part(index: int) -> Any:
            turn, place = divmod(index, count)
            order = torch.randperm(count, generator=torch.Generator().manual_seed((seed + turn) % (1 << 62)))
            place = int(order[place])
            return self._asked(data, "search", place, given[place])

        return part

    def _asked(self, data: FunctionData, use: str, place: int, part: Any) -> Any:
        """A part on the device; with what is compared and which objective is asked, where a part alone does not say so.

        Args:
            data: of the function.
            use: what the part is for, which with its place says which part it is; empty: the place says nothing, and answers are
                not kept.
            place: of the part among those for this use.
            part: the user's.
        """
        part, objective = moved(part, self.device), self._objectives[data.name]
        if len(self._different) == 1 and not objective.compares:
            return part
        place_of = next(place for place, one in enumerate(self._different) if one is objective)
        return Asked(place_of, part, self._answers_to(objective, (data.name, use, place), part))

    def _answers_to(self, objective: Objective, key: tuple[str, str, int], part: Any) -> Any:
        if not objective.compares:
            return None
        if key in self._answers:
            return self._answers[key]
        assert self._unmasked is not None, "who makes a task of such objectives gives it the network"
        answers = self._unmasked(lambda network: objective.answers(network, part))
        size = answers.numel() * answers.element_size() if isinstance(answers, Tensor) else 0
        if key[1] and self._bytes + size <= _MOST_BYTES:
            self._answers[key] = answers
            self._bytes += size
        return answers

    def _parted(self, part: Any) -> tuple[Objective, Any, Any]:
        if isinstance(part, Asked):
            return self._different[part.objective], part.part, part.answers
        return self._different[0], part, None

    def score_of(self, function: str, run: Callable[..., Tensor]) -> float:
        """See `Task.score_of`."""
        return float(self.scored_items(run, function).mean())


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


def numbers_of(function: str, given: Any) -> Tensor:
    """A score, if it is a share, or a number from 0 to 1 for each item."""
    expected = "a share from 0 to 1, or a number from 0 to 1 for each item, was expected, such as (network(x).argmax(-1) == y)"
    try:
        value = torch.as_tensor(given).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise ScoreError(f"The score of function {function} is of the type {type(given).__name__}; {expected}.") from None
    if value.is_complex() or value.dim() > 1 or not value.numel() or not bool(((value >= 0) & (value <= 1)).all()):
        raise ScoreError(f"The score of function {function} is {_described(value)}; {expected}.")
    return value.double()


def _described(value: Tensor) -> str:
    if value.is_complex() or not value.numel():
        return f"a tensor of {value.dtype} and shape {list(value.shape)}"
    if value.numel() == 1 and value.dim() < 2:
        return f"{float(value):.4g}"
    return f"a tensor of shape {list(value.shape)}, from {float(value.min()):.4g} to {float(value.max()):.4g}"
