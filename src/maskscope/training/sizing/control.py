"""What the control of a size is; and the plainest: a penalty."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar, final

from torch import Tensor

from maskscope.masks import Estimator
from maskscope.masks.sizes import Penalty, Size, pull_named
from maskscope.training.sizing.curve import CurvePoint

AnySize = TypeVar("AnySize", bound=Size)


class SizeControl(ABC, Generic[AnySize]):
    """Brings about the size of one mask or several masks that are searched together.

    Args:
        size: what is asked for.
        estimator: how logits become gates.
        steps: of one search.
        logits: of each mask, live.
        crowding: for each mask, what its penalty is multiplied by, by unit; None for 1 everywhere.
    """

    def __init__(
        self,
        size: AnySize,
        estimator: Estimator,
        steps: int,
        logits: Sequence[Tensor],
        crowding: Sequence[Tensor | None],
    ) -> None:
        self.size, self.steps = size, steps
        self._estimator, self._logits, self._crowding = estimator, logits, crowding
        self._paid: dict[int, float] = {}

    needs_ends: bool = False
    """Whether it needs the losses of the whole and of the emptied network before the first step."""

    @abstractmethod
    def begin_gradient(self, track: int, step: int, gradient: Tensor) -> None:
        """Overwrites ``gradient`` with that of what the mask pays; the gradient of the loss is added to it later."""

    def share(self, step: int) -> float:
        """The share of the schedules (of the learning rate, of the temperature) that is done before step ``step``."""
        return step / self.steps if self.steps else 1.0

    def after_step(self, step: int) -> bool:
        """Called when ``step`` steps are done; may change the logits. True if the search begins anew from the changed logits."""
        del step
        return False

    def is_done(self, step: int) -> bool:
        """Whether the size is reached and no further step is needed."""
        del step
        return False

    def state(self) -> Mapping[str, Tensor]:
        """Everything that it remembers between steps, as live tensors."""
        return {}

    def curve(self, track: int) -> tuple[CurvePoint, ...]:
        """The masks that were judged on the way; none unless the size asks for it."""
        del track
        return ()

    def numbers(self, track: int) -> Mapping[str, float]:
        """What observers are told: the ``penalty`` on a unit, and the ``behaviour`` that a path's last mask kept."""
        found = {"penalty": self._paid[track]} if track in self._paid else {}
        curve = self.curve(track)
        return found | ({"behaviour": curve[-1].behaviour} if curve else {})

    def pay(self, track: int, weight: float, of: str, step: int, gradient: Tensor) -> None:
        """Overwrites ``gradient`` with that of a penalty of this weight, heavier where other masks are avoided."""
        self._paid[track] = weight
        temperature = self._estimator.keep_temperature(self.share(step)) or 1.0
        pull_named(of).begin_gradient(self._logits[track], weight, temperature, gradient)
        crowding = self._crowding[track]
        if crowding is not None:
            gradient.mul_(crowding)


@final
class PenaltyControl(SizeControl[Penalty]):
    """One penalty, the same in every step."""

    def begin_gradient(self, track: int, step: int, gradient: Tensor) -> None:
        """See `SizeControl.begin_gradient`."""
        self.pay(track, self.size.weight, self.size.of, step, gradient)


def loss_range(whole: float, emptied: float) -> float:
    """What the loss gains from all units: the loss of the emptied network minus that of the whole one; in the loss's unit.

    Where the emptied network's loss is no number, or no higher, it is the size of the whole network's loss, or 1 if that is 0.
    """
    gain = emptied - whole
    return gain if math.isfinite(gain) and gain > 0 else abs(whole) or 1.0
