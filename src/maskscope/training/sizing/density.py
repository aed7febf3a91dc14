"""Keeps a given share of the units: all logits are shifted by the same amount, so that as many gates are open as the target says.

A shift is what the paper's penalty would do: the sum of logits pulls every logit down by the same constant. With the constraint

    number of open gates  =  k(t)

instead of a penalty, the multiplier of that sum is not given but follows from the constraint, and the shift is its effect. While
the search goes on, the number is the expected one, sum of sigmoid((l - shift) / T), so that undecided gates count for what they
are; at the end, and with gates that are 0 or 1, it is the number of logits above 0, exactly (docs/method.md).
"""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float32
from torch import Tensor

from maskscope.masks import Estimator
from maskscope.masks.sizes import TargetDensity
from maskscope.training.sizing.control import SizeControl, loss_range

# the expected number is brought to its target this often; exactly, the number is kept in every step where the estimator asks for
# it
_TIMES = 200
# the expected number is taken over at most about this many logits, evenly spaced
_MOST = 1 << 18
_HALVINGS = 40
# a logit that is only above 0 because of a tie is lowered to minus this
_JUST_BELOW = 1e-6


@final
class DensityControl(SizeControl[TargetDensity]):
    """Shifts the logits to the target's number of units.

    The logits also pay a penalty R / n, with R what the loss gains from all n units. Its mean effect is undone by the shift; it
    is there because Adam makes steps of equal length out of gradients of any size, so that without it the logits of units that do
    nothing would walk at random, as fast as those of units that are needed.
    """

    needs_ends = True

    def __init__(
        self,
        size: TargetDensity,
        estimator: Estimator,
        steps: int,
        logits: Sequence[Tensor],
        crowding: Sequence[Tensor | None],
        ends: Float32[Tensor, "tracks 2"],
    ) -> None:
        super().__init__(size, estimator, steps, logits, crowding)
        self._ends = ends
        for own in logits:
            size.kept(own.numel())

    def begin_gradient(self, track: int, step: int, gradient: Tensor) -> None:
        """See `SizeControl.begin_gradient`."""
        if step == 0:
            self._shift(track, 0)
        self.pay(track, loss_range(*self._ends[track].tolist()) / gradient.numel(), "logits", step, gradient)

    def after_step(self, step: int) -> bool:
        """See `SizeControl.after_step`."""
        if self._estimator.exact or step == self.steps or step % max(1, self.steps // _TIMES) == 0:
            for track in range(len(self._logits)):
                self._shift(track, step)
        return False

    def _shift(self, track: int, step: int) -> None:
        logits = self._logits[track]
        with torch.no_grad():
            target = self.size.target(step / self.steps if self.steps else 1.0, logits.numel())
            temperature = self._estimator.keep_temperature(self.share(step))
            if step == self.steps or not temperature:
                keep_exactly(logits, target)
            elif target < logits.numel():
                logits.sub_(expected_shift(logits, target, temperature))


def expected_shift(logits: Float32[Tensor, " n"], kept: int, temperature: float) -> float:
    """The shift after which sigmoid(logit / temperature), summed over all logits, is ``kept``; found by halving an interval."""
    few = logits[:: max(1, logits.numel() // _MOST)]
    wanted = kept / logits.numel() * few.numel()
    low, high = float(few.min()) - 40 * temperature, float(few.max()) + 40 * temperature
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if float(torch.sigmoid((few - middle) / temperature).sum()) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def keep_exactly(logits: Float32[Tensor, " n"], kept: int) -> None:
    """Shifts the logits, in place, so that exactly ``kept`` of them are above 0; of equal ones, the first."""
    count = logits.numel()
    if kept >= count:
        logits.sub_(min(0.0, float(logits.min())) - _JUST_BELOW)
        return
    last = torch.kthvalue(logits, count - kept + 1).values
    below = logits[logits < last]
    following = below.max() if below.numel() else last - 1
    middle = (last + following) / 2
    shift = torch.where(middle < last, middle, following)
    tied = (logits == last).nonzero()[:, 0]
    spare = int((logits >= last).sum()) - kept
    logits.sub_(shift)
    if spare:
        logits[tied[len(tied) - spare :]] = -_JUST_BELOW
