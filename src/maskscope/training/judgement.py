"""Judges the mask of a search on new data, so that a failed search does not look like a good one."""

import math
import warnings
from dataclasses import asdict, dataclass

from maskscope.masks import WeakMaskWarning
from maskscope.storage import Json

# if a larger share of weights has a keep probability or a gate between .05 and .95, thresholding is arbitrary
_UNDECIDED = 0.1
# relative difference of losses that is accepted, because the first step used other data than the judgement
_MARGIN = 0.1


@dataclass(frozen=True)
class Judgement:
    """The losses of a network without a mask, under sampled masks and under the found mask, on the same parts of data.

    Args:
        unmasked_loss: the mean loss over the parts without a mask.
        sampled_loss: the mean loss if each part has its own mask, sampled from the logits; if the estimator draws nothing, it is
            ``masked_loss``.
        masked_loss: the mean loss under the thresholded mask, the result of the search.
        first_loss: the loss of the first step of the search, under sampled masks.
        density: the share of weights that the mask keeps.
        undecided: the share of weights whose keep probability, or gate at the end, is between .05 and .95.
        parts: the number of parts.
        unseen: whether the search did not train on these parts; False if the batches are an iterable that started again.
        is_enough: whether the mask keeps the behaviour that was asked for (`BehaviourKept`), on held-out parts; its loss may then
            be much higher. None if its size was decided in another way.
    """

    unmasked_loss: float
    sampled_loss: float
    masked_loss: float
    first_loss: float
    density: float
    undecided: float
    parts: int
    unseen: bool
    is_enough: bool | None = None

    @property
    def faults(self) -> tuple[str, ...]:
        """The reasons why the mask may not carry the function, each with what to change; empty if there are none."""
        found = []
        if self.density == 0:
            found.append("it keeps nothing at all: lower the penalty, and see whether the loss depends on the network")
        if self.density == 1:
            found.append("it keeps every unit: take more steps, a higher learning_rate, or a higher penalty")
        if self.undecided > _UNDECIDED:
            found.append(
                f"{self.undecided:.0%} of the weights are undecided (kept with a probability, or a gate, between .05 and "
                ".95): take more steps or a higher learning_rate"
            )
        if self.is_enough is False:
            found.append(
                "no mask of its path keeps the behaviour that was asked for, beyond doubt; this is the largest of them (see its "
                "curve). Take more steps, more or larger held-out parts, or a smaller share"
            )
        start = max(self.first_loss, self.unmasked_loss)
        if self.is_enough is None and not self.masked_loss <= start + _MARGIN * abs(start):
            found.append(
                f"its loss is {self.masked_loss:.4g}; in the first step it was {self.first_loss:.4g}, without a mask it is "
                f"{self.unmasked_loss:.4g}. It does not carry the function: lower the penalty, or take more steps"
            )
        return tuple(found)

    @property
    def is_sound(self) -> bool:
        """Whether the mask has no faults."""
        return not self.faults

    def as_json(self) -> Json:
        """The numbers and the faults, for `BinaryMask.made_by`; None replaces NaN and infinity, which JSON does not have."""
        numbers = {name: value if math.isfinite(value) else None for name, value in asdict(self).items() if value is not None}
        return numbers | {"faults": list(self.faults)}

    def __str__(self) -> str:
        data = f"{self.parts} parts that it {'did not train' if self.unseen else 'trained'} on"
        return (
            f"keeps {self.density:.2%} of the weights, {self.undecided:.2%} undecided; loss on {data}: {self.unmasked_loss:.4g} "
            f"without a mask, {self.sampled_loss:.4g} under samples, {self.masked_loss:.4g} under the mask"
        )


def warn_of_faults(name: str, judgement: Judgement) -> None:
    """Gives one warning for a mask, if it has faults."""
    if judgement.faults:
        warnings.warn(f"the mask {name} is weak: {'; '.join(judgement.faults)}", WeakMaskWarning, stacklevel=4)
