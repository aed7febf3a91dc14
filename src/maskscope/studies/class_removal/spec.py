"""Settings of class removal."""

from dataclasses import dataclass, field

from maskscope.engine.spec import counts
from maskscope.procedure.settings import ANALYSIS, MASKS
from maskscope.studies.images.spec import ImageSpec


@dataclass(frozen=True)
class ClassRemovalSpec(ImageSpec):
    """Which weights are needed for one class only (paper, section on CIFAR-10)."""

    classes: tuple[str, ...] = field(default=(), metadata=counts(None))
    """Classes that are removed, one at a time; all, unless named. Paper: all ten."""
    keep_output: bool = field(default=True, metadata=counts(MASKS, MASKS))
    """Whether every mask of removal has the output layer of the full mask, so that none can delete an output. Paper: yes."""
    gradient_cosine: str = field(default="", metadata=counts(ANALYSIS))
    """A class for which one more mask is found, output layer and all, to see how masking distorts gradients; empty: none.
    Paper's code: airplane."""
