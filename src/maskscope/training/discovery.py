"""The result of a search."""

from dataclasses import dataclass

from maskscope.masks import BinaryMask, MaskLogits
from maskscope.training.judgement import Judgement
from maskscope.training.observers import History
from maskscope.training.sizing.curve import CurvePoint


@dataclass(frozen=True)
class Discovery:
    """The result of `discover`: the mask, its logits, how the search went, and how good the mask is.

    Args:
        mask: the thresholded logits.
        logits: the learned logits.
        history: the loss of every step.
        reference_loss: the loss without a mask, on the data of the first step.
        seconds: the time of the search.
        judgement: the judgement of the mask, on data after those of the search; None if switched off, or if no data were left.
        curve: behaviour against size: the masks of the path in the order of the search (`BehaviourKept`); else empty.
    """

    mask: BinaryMask
    logits: MaskLogits
    history: History
    reference_loss: float
    seconds: float
    judgement: Judgement | None = None
    curve: tuple[CurvePoint, ...] = ()

    def __str__(self) -> str:
        return f"{self.mask!r}: {self.judgement or 'not judged'}"

    @property
    def numbers(self) -> dict[str, float]:
        """The result in numbers: how much is kept, how long it took, and the losses; of a path, the share of the behaviour."""
        found = {"kept": float(self.mask.kept), "density": self.mask.density, "seconds": self.seconds}
        if self.judgement:
            losses = ("unmasked_loss", "sampled_loss", "masked_loss")
            found |= {name: getattr(self.judgement, name) for name in losses} | {"faults": float(len(self.judgement.faults))}
        chosen = [point for point in self.curve if point.kept == self.mask.kept]
        return found | ({"behaviour": chosen[-1].behaviour} if chosen else {})
