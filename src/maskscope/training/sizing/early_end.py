"""When a search may end before its steps do: when the mask does not change any more, or when nothing can come any more."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float32
from torch import Tensor

from maskscope.training.mask_config import MaskConfig

# how often a search is asked, at most
_TIMES = 200
# a mask that keeps less than this, and does no better than nothing, is lost
_FEW = 0.01
# of what the whole network gains over the emptied one: a difference of losses that does not count
_NOTHING = 0.01


@runtime_checkable
class Counted(Protocol):
    """The logits of a mask, of which shares are known (`maskscope.masks.MaskLogits`)."""

    def density(self) -> float:
        """The share above 0."""

    def undecided(self, edge: float) -> float:
        """The share closer to 0 than the edge."""


class EarlyEnd:
    """Asks about 200 times in a search whether all its masks are settled or lost (`MaskConfig`).

    Args:
        config: which of the two are asked for.
        ends: for each mask, the loss of the whole network and that of the emptied one, on the data of the first step; live.
    """

    def __init__(self, config: MaskConfig, ends: Float32[Tensor, "tracks 2"]) -> None:
        self._config, self._ends = config, ends
        self._every = max(1, config.steps // _TIMES)
        checks = config.steps // self._every + 1
        self._densities, self._losses = torch.full((2, len(ends), checks), float("nan"), dtype=torch.float32, device="cpu")

    @property
    def needs_losses(self) -> bool:
        """Whether it needs the ends, and `note`."""
        return self._config.stop_when_lost

    def state(self) -> Mapping[str, Tensor]:
        """Everything that it remembers, as live tensors."""
        asked = self._config.stop_when_settled or self._config.stop_when_lost
        lost = {"losses": self._losses} if self._config.stop_when_lost else {}
        return ({"densities": self._densities} if asked else {}) | lost

    def note(self, step: int, losses: Tensor) -> None:
        """Tells it the losses of step ``step`` (from 0); it takes the mean over the steps between two checks."""
        place, so_far = step // self._every + 1, step % self._every
        if place < self._losses.shape[1]:
            before = self._losses[:, place] if so_far else torch.zeros_like(losses)
            self._losses[:, place] = before + (losses - before) / (so_far + 1)

    def is_done(self, step: int, logits: Sequence[Counted], undecided_below: float) -> bool:
        """Whether every mask is settled or lost after ``step`` steps."""
        if not self.state() or step % self._every:
            return False
        now, long_enough = step // self._every, 10 * step >= self._config.steps
        done = []
        for track, one in enumerate(logits):
            self._densities[track, now] = one.density()
            settled = self._config.stop_when_settled and self._is_settled(track, now, one.undecided(undecided_below))
            lost = self._config.stop_when_lost and self._is_lost(track, now)
            done.append(long_enough and (settled or lost))
        return all(done)

    def _is_settled(self, track: int, now: int, undecided: float) -> bool:
        densities = self._densities[track]
        density = float(densities[now])
        moved = abs(density - float(densities[now - max(1, now // 10)]))
        return density < float(densities[0]) and undecided <= 0.01 * density and moved <= 0.01 * density

    def _is_lost(self, track: int, now: int) -> bool:
        whole, emptied = self._ends[track].tolist()
        recent = float(self._losses[track, now - max(1, now // 10) + 1 : now + 1].mean())
        return float(self._densities[track, now]) < _FEW and recent >= emptied - _NOTHING * abs(emptied - whole)
