"""A task that a user defines: named functions, each with its own data, and one loss and one score for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from maskscope.errors import ScoreError
from maskscope.tasks.task import Scores, Task

Loss = Callable[[nn.Module, Any], Tensor]
Score = Callable[[nn.Module, Any], Any]
PartOf = Callable[[int], Any]
# each search starts at an index of its own, so that a repeat gets other data
_SEARCH_STARTS, _INDICES_PER_SEARCH = 1 << 16, 1 << 20


@dataclass(frozen=True)
class FunctionData:
    """The data of one function.

    Args:
        name: the name of the function.
        parts: the data to find masks with: a list of parts, or a function from an index to a part.
        scored: the parts that scores are computed on.
        digest: the digest of the content of the parts; if ``parts`` is a function, of its first few parts.
        held_out: whether the scored parts were given separately, and are not among ``parts``.
    """

    name: str
    parts: Sequence[Any] | PartOf
    scored: tuple[Any, ...]
    digest: str
    held_out: bool


class UserFunctions(Task):
    """A task of functions that a user names.

    Args:
        functions: the data of each function.
        loss: ``loss(network, part)``, a scalar.
        score: ``score(network, part)``: a share of right answers, or a number from 0 to 1 for each item.
        device: the device of the network.
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
        """0 and 0: not needed, as the user's network exists already."""
        return 0, 0

    @property
    def evaluation_items(self) -> int:
        """The number of scored parts of all functions."""
        return sum(len(one.scored) for one in self._data.values())

    def batches(self, function: str, items: int, seed: int) -> PartOf:
        """See `Task.batches`; parts are as the user gave them (``items`` is ignored). For ``all``, the functions take turns."""
        self.require(function)
        if function != self.whole:
            return _in_order_of(self._data[function].parts, seed)
        each = [_in_order_of(one.parts, seed) for one in self._data.values()]
        return lambda index: each[index % len(each)](index // len(each))

    def loss(self, network: nn.Module, part: Any) -> Float[Tensor, ""]:
        """The loss that the user gave."""
        return self._loss(network, part)

    def score(self, run: Callable[..., Tensor]) -> Scores:
        """The user's score of each function, averaged over the items of its scored parts.

        Raises:
            ScoreError: it is neither one share nor a number from 0 to 1 for each item.
        """
        return Scores({name: self._mean_score(run, one) for name, one in self._data.items()})

    def _mean_score(self, run: Any, data: FunctionData) -> float:
        total, items = 0.0, 0
        for part in data.scored:
            value = torch.as_tensor(self._score(run, part)).detach().double()
            if value.dim() > 1 or not value.numel() or not bool(((value >= 0) & (value <= 1)).all()):
                raise ScoreError(
                    f"The score of function {data.name} is {_described(value)}; a share from 0 to 1, or a number from 0 to 1 for "
                    "each item, was expected, such as (network(x).argmax(-1) == y)."
                )
            total, items = total + float(value.sum()), items + value.numel()
        return total / items


def _in_order_of(parts: Sequence[Any] | PartOf, seed: int) -> PartOf:
    if callable(parts):
        function, start = parts, (seed % _SEARCH_STARTS) * _INDICES_PER_SEARCH
        return lambda index: function(start + index)
    given, count = parts, len(parts)

    def part(index: int) -> Any:
        turn, place = divmod(index, count)
        order = torch.randperm(count, generator=torch.Generator().manual_seed((seed + turn) % (1 << 62)))
        return given[int(order[place])]

    return part


def _described(value: Tensor) -> str:
    if value.numel() == 1:
        return f"{float(value):.4g}"
    lowest = f", from {float(value.min()):.4g} to {float(value.max()):.4g}" if value.numel() else ""
    return f"a tensor of shape {list(value.shape)}{lowest}"
