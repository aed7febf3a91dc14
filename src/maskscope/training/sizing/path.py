"""The smallest mask that keeps a behaviour: a path of penalties, each from the units that the last mask kept."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor

from maskscope.masks import Estimator
from maskscope.masks.sizes import BehaviourKept
from maskscope.training.sizing.control import SizeControl
from maskscope.training.sizing.curve import CurvePoint
from maskscope.training.sizing.held_out import HeldOut

# Stages: the first has half the steps of a search, each other a tenth. The first penalty, and the factor from one to the next.
# Chosen by the size of the smallest mask that keeps the behaviour, on planted and trained MLPs that no record uses.
_FIRST, _EACH = 1 / 2, 1 / 10
_START, _RATIO = 0.1, 4.0
# when not even the first mask keeps the behaviour, the path begins anew with a penalty lower by this factor
_LOWER = 30.0
# the factor from one penalty to the next is never lower than this
_LEAST_RATIO = 1.2
# the logit of a unit that an earlier mask of the path has dropped: its gate never opens again
_DROPPED = -100.0
_FIELDS = 5


def stages_of(size: BehaviourKept, steps: int, least: int = 1) -> tuple[int, ...]:
    """How many steps are done at the end of each stage of a path.

    Args:
        size: how many steps the whole path may take, as a multiple of those of a search.
        steps: of a search.
        least: of a stage; with few steps there are fewer stages, and not shorter ones.
    """
    first, each = max(least, round(_FIRST * steps)), max(least, round(_EACH * steps))
    return tuple(range(first, max(first, round(size.cost * steps)) + 1, each))


@final
class PathControl(SizeControl[BehaviourKept]):
    """A path of masks for each track; in the end, the logits are those of the smallest mask that keeps the behaviour.

    The penalty of a stage is c * R / n: R is what the loss gains from all units together (loss of the emptied network minus that
    of the whole), n is the number of units. So at c = 1, the whole network costs as much as it gains, whatever the unit of the
    loss.
    """

    def __init__(
        self,
        size: BehaviourKept,
        estimator: Estimator,
        steps: int,
        logits: Sequence[Tensor],
        crowding: Sequence[Tensor | None],
        held_out: HeldOut,
        least: int,
    ) -> None:
        self._ends = stages_of(size, steps, least)
        super().__init__(size, estimator, self._ends[-1], logits, crowding)
        self._held_out = held_out
        self._starts = [own.clone() for own in logits]
        tracks = len(logits)
        self._penalty = torch.full((tracks,), _START, dtype=torch.float64, device="cpu")
        self._ratio = torch.full((tracks,), _RATIO, dtype=torch.float64, device="cpu")
        self._good = torch.full((tracks,), math.nan, dtype=torch.float64, device="cpu")  # the highest penalty that was kept
        self._ended = torch.zeros(tracks, dtype=torch.bool, device="cpu")
        self._points = torch.full((tracks, len(self._ends), _FIELDS), math.nan, dtype=torch.float64, device="cpu")
        # the logits of the smallest mask that keeps the behaviour; as long as none does, of the largest
        self._best = [torch.full_like(own, math.inf) for own in logits]

    def share(self, step: int) -> float:
        """See `SizeControl.share`: of the present stage."""
        stage = min(bisect_right(self._ends, step), len(self._ends) - 1)
        start = self._ends[stage - 1] if stage else 0
        return (step - start) / (self._ends[stage] - start)

    def begin_gradient(self, track: int, step: int, gradient: Tensor) -> None:
        """See `SizeControl.begin_gradient`."""
        weight = float(self._penalty[track]) * self._held_out.loss_range(track) / gradient.numel()
        self.pay(track, weight, "logits", step, gradient)

    def after_step(self, step: int) -> bool:
        """See `SizeControl.after_step`: at the end of a stage, judges the masks and sets out for the next."""
        if step not in self._ends:
            return False
        stage = self._ends.index(step)
        with torch.no_grad():
            for track in range(len(self._logits)):
                if not self._ended[track]:
                    self._judge(track, stage)
                    self._set_out(track)
            if step == self.steps or bool(self._ended.all()):
                self._ended.fill_(True)
                for logits, best in zip(self._logits, self._best, strict=True):
                    logits.copy_(best)
        return True

    def is_done(self, step: int) -> bool:
        """See `SizeControl.is_done`."""
        del step
        return bool(self._ended.all())

    def state(self) -> Mapping[str, Tensor]:
        """See `SizeControl.state`."""
        numbers = {
            "penalty": self._penalty,
            "ratio": self._ratio,
            "good": self._good,
            "ended": self._ended,
            "points": self._points,
        }
        named = numbers | {f"best/{track}": best for track, best in enumerate(self._best)}
        return {f"path/{name}": tensor for name, tensor in named.items()}

    def curve(self, track: int) -> tuple[CurvePoint, ...]:
        """See `SizeControl.curve`: in the order of the stages."""
        units = self._logits[track].numel()
        return tuple(
            CurvePoint(penalty, int(kept), kept / units, behaviour, lower, bool(enough))
            for penalty, kept, behaviour, lower, enough in self._points[track].tolist()
            if not math.isnan(penalty)
        )

    def _judge(self, track: int, stage: int) -> None:
        """Judges the present mask; remembers it if it is smaller and enough; chooses the next penalty."""
        logits, best, penalty = self._logits[track], self._best[track], float(self._penalty[track])
        found = torch.where(self._may_stay(track), logits, _DROPPED)
        kept = int((found > 0).sum())
        standing = self._held_out.standing(track, found > 0, looks=len(self._ends))
        enough = standing.lower >= self.size.share
        self._points[track, stage] = torch.tensor([penalty, kept, standing.share, standing.lower, enough], dtype=torch.float64)
        if enough:
            best.copy_(found)
            self._good[track] = penalty
            self._penalty[track] = penalty * self._ratio[track]
        elif not math.isnan(self._good[track]):
            self._ratio[track] = max(float(self._ratio[track]) ** 0.5, _LEAST_RATIO)
            self._penalty[track] = self._good[track] * self._ratio[track]
        else:
            self._keep_largest(track, found)
            self._penalty[track] = penalty / _LOWER
        if not self._held_out.has_behaviour(track):
            self._ended[track] = True

    def _keep_largest(self, track: int, found: Tensor) -> None:
        """As long as no mask is enough, remembers the largest: the answer if none ever is."""
        best = self._best[track]
        if bool(torch.isinf(best).all()) or int((found > 0).sum()) > int((best > 0).sum()):
            best.copy_(found)

    def _set_out(self, track: int) -> None:
        """The logits at the start of a stage: those of the search for units of the last mask that was enough."""
        self._logits[track].copy_(torch.where(self._may_stay(track), self._starts[track], _DROPPED))

    def _may_stay(self, track: int) -> Tensor:
        """The units of the last mask that was enough; as long as there is none, all."""
        best = self._best[track]
        return torch.ones_like(best, dtype=torch.bool) if math.isnan(self._good[track]) else best > 0
