"""What a search ended with, judged on data that it did not train on: a failed search must not look like a good one."""

import math
import warnings
from dataclasses import asdict, dataclass

from maskscope.masks import WeakMaskWarning
from maskscope.storage import Json

# keep probabilities between .05 and .95: a share of them above which a threshold is a toss-up
_UNDECIDED = 0.1
# the first step has other data than the judgement, so its loss differs a little for that reason alone
_MARGIN = 0.1


@dataclass(frozen=True)
class Judgement:
    """Losses of the network without a mask, under sampled masks and under the mask that was found, on the same parts of data.

    Args:
        unmasked_loss: mean over the parts; so are the next two.
        sampled_loss: each part under a mask of its own, drawn from the logits as in training.
        masked_loss: under the thresholded mask, which is what is kept.
        first_loss: of the first step of the search, under its first samples.
        density: share of the weights that the mask keeps.
        undecided: share of the weights whose keep probability is between .05 and .95.
        parts: how many parts.
        unseen: whether the search had not trained on them; False where the batches are an iterable that began again.
    """

    unmasked_loss: float
    sampled_loss: float
    masked_loss: float
    first_loss: float
    density: float
    undecided: float
    parts: int
    unseen: bool

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the mask should not be taken for the function's, each with what to change; none if nothing speaks against it."""
        found = []
        if self.density == 0:
            found.append("it keeps no weight at all: lower penalty_weight, and see whether the loss depends on the network")
        if self.density == 1:
            found.append("it keeps every weight: take more steps, or a higher learning_rate or penalty_weight")
        if self.undecided > _UNDECIDED:
            found.append(
                f"{self.undecided:.0%} of the weights are undecided (kept with a probability between .05 and .95): take more "
                "steps or a higher learning_rate"
            )
        start = max(self.first_loss, self.unmasked_loss)
        if not self.masked_loss <= start + _MARGIN * abs(start):
            found.append(
                f"its loss is {self.masked_loss:.4g}; in the first step it was {self.first_loss:.4g}, without a mask it is "
                f"{self.unmasked_loss:.4g}. It does not carry the function: lower penalty_weight, or take more steps"
            )
        return tuple(found)

    @property
    def is_sound(self) -> bool:
        """Whether nothing speaks against the mask."""
        return not self.faults

    def as_json(self) -> Json:
        """The numbers and the faults, for `BinaryMask.made_by`; None for a loss that is NaN or infinite, which JSON has not."""
        numbers = {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}
        return numbers | {"faults": list(self.faults)}

    def __str__(self) -> str:
        data = f"{self.parts} parts that it {'did not train' if self.unseen else 'trained'} on"
        return (
            f"keeps {self.density:.2%} of the weights, {self.undecided:.2%} undecided; loss on {data}: {self.unmasked_loss:.4g} "
            f"without a mask, {self.sampled_loss:.4g} under samples, {self.masked_loss:.4g} under the mask"
        )


def warn_of_faults(name: str, judgement: Judgement) -> None:
    """Warns once for a mask, if something speaks against it."""
    if judgement.faults:
        warnings.warn(f"the mask {name} is weak: {'; '.join(judgement.faults)}", WeakMaskWarning, stacklevel=4)
