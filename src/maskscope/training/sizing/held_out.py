"""How much of a network's behaviour a mask keeps, on data that no mask was found with."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from scipy.stats import t as student
from torch import Tensor, nn

from maskscope.errors import ConfigError
from maskscope.masks.parts import PartCopies
from maskscope.masks.sizes import BehaviourKept
from maskscope.training.searched import Searched
from maskscope.training.sizing.behaviours import BEHAVIOUR_OF, NO_SCORE, Score
from maskscope.training.sizing.control import loss_range


@dataclass(frozen=True)
class Standing:
    """What a mask keeps of a behaviour: the share, and its lower bound; NaN and minus infinity if there is none to keep."""

    share: float
    lower: float


class HeldOut:
    """The held-out parts of each track, and the behaviour of the network on them.

    Args:
        searched: for each track, its network.
        score: ``score(network, part)``: a number from 0 to 1 for each item, or one share; only the behaviour ``score`` needs it.
        size: which behaviour is to be kept, and at which error.
        parts: for each track, at least two parts.

    Raises:
        ConfigError: a score is to be kept, and there is none.
    """

    def __init__(
        self,
        searched: Sequence[Searched],
        score: Score | None,
        size: BehaviourKept,
        parts: Sequence[Sequence[Any]],
    ) -> None:
        if size.of == "score" and score is None:
            raise ConfigError(NO_SCORE)
        self._searched, self._score, self._size, self._parts = searched, score, size, parts
        self._ends: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}

    def has_behaviour(self, track: int) -> bool:
        """Whether the whole network behaves better than the one without any maskable unit, beyond doubt."""
        nothing, whole = self._of_ends(track, self._size.of)
        return _lower_bound(whole - nothing, self._size.error) > 0

    def standing(self, track: int, kept: Tensor, looks: int) -> Standing:
        """How much a mask keeps.

        With b the behaviour on an item (for a loss or a divergence: on a part), b0 that of the emptied network and b1 that of the
        whole, the share is the mean of b - b0 divided by the mean of b1 - b0. The mask keeps the share q that is asked for if the
        mean of (b - b0) - q (b1 - b0) is above 0 by a t test over the items; its bound, on the scale of the share, is q plus the
        lower bound of that mean.

        Args:
            track: of which mask.
            kept: its bits, by unit.
            looks: how many masks are judged on these parts in all: each look has its part of the error.
        """
        if not self.has_behaviour(track):
            return Standing(math.nan, -math.inf)
        nothing, whole = self._of_ends(track, self._size.of)
        gained, there, asked = self._behaviour(track, kept, self._size.of) - nothing, whole - nothing, self._size.share
        margin = _lower_bound(gained - asked * there, self._size.error / looks) / float(there.mean())
        return Standing(float(gained.mean() / there.mean()), asked + margin)

    def loss_range(self, track: int) -> float:
        """See `maskscope.training.sizing.control.loss_range`; on the held-out parts."""
        nothing, whole = (-float(values.mean()) for values in self._of_ends(track, "loss"))
        return loss_range(whole, nothing)

    def _of_ends(self, track: int, of: str) -> tuple[Tensor, Tensor]:
        """The behaviour of the emptied and of the whole network: see `_behaviour`."""
        if (track, of) not in self._ends:
            emptied = torch.zeros_like(self._searched[track].logits.flat, dtype=torch.bool)
            self._ends[track, of] = self._behaviour(track, emptied, of), self._behaviour(track, None, of)
        return self._ends[track, of]

    def _behaviour(self, track: int, kept: Tensor | None, of: str) -> Tensor:
        """A behaviour with these units, on each item, or on each part if it is one of parts; higher is better."""
        mine = self._searched[track]
        weights, whole = mine.weights_under(kept), mine.weights
        measure = BEHAVIOUR_OF[of]

        values = [
            measure(partial(_use, mine, part, weights), partial(_use, mine, part, whole), mine.loss, self._score)
            for part in self._parts[track]
        ]
        return torch.cat(values)


def _use(mine: Searched, part: Any, weights: Mapping[str, Tensor], use: Callable[[nn.Module, Any], Any]) -> Any:
    """Calls ``use`` with the network under some weights and a copy of a part."""
    own = PartCopies().copied(part)
    return mine.used({name: weight.detach().clone() for name, weight in weights.items()}, lambda guest: use(guest, own))


def _lower_bound(values: Tensor, error: float) -> float:
    """The lower bound of the mean of independent values: mean - t * s / sqrt(n), one-sided; minus infinity without one."""
    mean, count = float(values.mean()), len(values)
    if not math.isfinite(mean):
        return -math.inf
    return mean - float(student.ppf(1 - error, count - 1)) * float(values.std()) / math.sqrt(count)
