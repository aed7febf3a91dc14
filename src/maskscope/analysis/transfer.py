"""Transfer: does the private part of one function's mask serve another function in the place of its own private part?

Two masks may hold different weights that do the same: two copies of one mechanism, each found with other inputs ("phantom
specialisation"). Overlap cannot see that; transfer can.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from maskscope.analysis.ablation import random_mask_like
from maskscope.analysis.one_network import require_one_network
from maskscope.errors import ConfigError, ScoreError, UnknownNameError
from maskscope.masks import BinaryMask, call_with, evaluation_mode, weights_under
from maskscope.tasks import Task

# how much of what a mask does for its function its private part has to be needed for; with less, transfer divides by noise
MIN_PRIVATE = 0.1


@dataclass(frozen=True)
class Transfer:
    """Scores of a function B, with what A's mask has in the place of what B's mask has for itself.

    Args:
        own: under B's mask: the shared part (A and B), and B's private part (B minus A).
        transferred: under the shared part and A's private part (A minus B), which together are A's mask.
        shared: under the shared part alone.
        emptied: without any unit.
        random: under the shared part and random units from outside B's mask, as many in each group as A's private part has; one
            for each draw.
    """

    own: float
    transferred: float
    shared: float
    emptied: float
    random: tuple[float, ...] = ()

    @property
    def private_share(self) -> float:
        """The share of what B's mask does that is lost without its private part: (own - shared) / (own - emptied).

        NaN if B's mask scores no more than no units at all.
        """
        return (self.own - self.shared) / (self.own - self.emptied) if self.own > self.emptied else math.nan

    @property
    def value(self) -> float:
        """(transferred - shared) / (own - shared): 1 if A's private part serves B as well as B's own, 0 if it brings nothing.

        It is not clipped: below 0, A's private part is in B's way. NaN where B's private part is needed for less than a tenth of
        what B's mask does, so that there is nothing whose place could be taken; also if B's mask does nothing.
        """
        return self._of(self.transferred)

    @property
    def floor(self) -> float:
        """The same with random units in the place of A's private part: the mean over draws; NaN without draws."""
        return self._of(sum(self.random) / len(self.random)) if self.random else math.nan

    @staticmethod
    def mean(parts: "Sequence[Transfer]") -> "Transfer":
        """The mean of each score, so that the transfer of several masks is a ratio of means, not a mean of ratios.

        Raises:
            ConfigError: there is none, or they have different numbers of draws.
        """
        if not parts or len({len(part.random) for part in parts}) > 1:
            raise ConfigError("The mean of transfers is over one or more, with equally many draws.")
        n = len(parts)
        return Transfer(
            sum(part.own for part in parts) / n,
            sum(part.transferred for part in parts) / n,
            sum(part.shared for part in parts) / n,
            sum(part.emptied for part in parts) / n,
            tuple(sum(draws) / n for draws in zip(*(part.random for part in parts), strict=True)),
        )

    def _of(self, score: float) -> float:
        # written so that NaN is below the limit
        return (score - self.shared) / (self.own - self.shared) if self.private_share >= MIN_PRIVATE else math.nan


def transfer(
    network: nn.Module,
    scored: Task | Callable[[nn.Module], Any],
    a: BinaryMask,
    b: BinaryMask,
    *,
    function: str = "",
    draws: int = 5,
    seed: int = 0,
) -> Transfer:
    """Scores B with A's private part in the place of B's own. For the other direction, swap the masks and score A.

    Args:
        network: that both masks are of; it is not changed.
        scored: ``scored(network) -> number``: how well a network performs B, more is better; or a task.
        a: the mask of A, whose private part is taken.
        b: the mask of B, whose private part is replaced.
        function: with a task, the name of B there.
        draws: random masks in the place of A's private part.
        seed: of these.

    Raises:
        MaskMismatchError: masks over different weights or units, or found on different networks.
        ConfigError: a task without the name of a function, or a name without a task; less than 0 draws.
        UnknownNameError: the task has no such function.
        ScoreError: the score is no finite number.

    Examples:
        Two weights do the same, so each serves in the place of the other:

        >>> network = nn.Linear(2, 1, bias=False)
        >>> network.weight = nn.Parameter(torch.ones(1, 2))
        >>> a, b = (BinaryMask({"weight": torch.tensor([bits])}) for bits in ([True, False], [False, True]))
        >>> transfer(network, lambda guest: guest(torch.ones(1, 2)) > 0.5, a, b).value
        1.0

    Source: ours; docs/statistics.md, "Transfer".
    """
    require_one_network({"the mask whose part is taken": a, "the mask whose part is replaced": b}, "transfer")
    if isinstance(scored, Task) != bool(function):
        raise ConfigError(
            "transfer takes a task with the name of the function that is scored (function=...), or a function that scores a "
            f"network, without a name; found {type(scored).__name__} and function={function!r}."
        )
    if draws < 0:
        raise ConfigError(f"draws is {draws}; 0 or more random masks were expected.")
    score_under = _scorer(network, scored, function)
    shared, private = a & b, a - b
    # A's private part is outside B's mask, and so are the units that stand for it
    outside, generator = ~b, torch.Generator().manual_seed(seed)
    return Transfer(
        own=score_under(b),
        transferred=score_under(a),
        shared=score_under(shared),
        emptied=score_under(b - b),
        random=tuple(score_under(shared | random_mask_like(private, generator, outside)) for _ in range(draws)),
    )


def _scorer(network: nn.Module, scored: Task | Callable[[nn.Module], Any], function: str) -> Callable[[BinaryMask], float]:
    """What a function scores under a mask."""
    if isinstance(scored, Task):
        task = scored
        if function not in task.functions:
            raise UnknownNameError("function", function, task.functions)
        return lambda mask: _score(network, lambda guest: task.score_of(function, guest), mask)
    return lambda mask: _score(network, scored, mask)


def _score(network: nn.Module, scored: Callable[[nn.Module], Any], mask: BinaryMask) -> float:
    with evaluation_mode(network), torch.no_grad():
        found = call_with(network, weights_under(network, mask), scored, hooks_collect=True)
    try:
        value = float(found)
    except (TypeError, ValueError, RuntimeError):
        raise ScoreError(
            f"The score is of the type {type(found).__name__}; one number for the whole network was expected."
        ) from None
    if not math.isfinite(value):
        raise ScoreError(f"The score under a mask is {value}; a finite number was expected. Look at what the mask keeps.")
    return value
