"""Settings of mask stability."""

from dataclasses import dataclass, field

from maskscope.engine.spec import at_least, counts
from maskscope.errors import ConfigError
from maskscope.studies.images.spec import ImageSpec


@dataclass(frozen=True)
class MaskStabilitySpec(ImageSpec):
    """How alike two masks for the same function are: pairs of classes, two masks each."""

    pairs: int = field(default=10, metadata=counts(None))
    """Pairs of classes, drawn without replacement. Paper: 10 ordered pairs, drawn anew in every run."""
    pairs_seed: int = field(default=1234, metadata=counts(None))
    """Of the draw; the same for every network, so that pairs can be compared over networks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, pairs=1)
        if self.repeats < 1:
            raise ConfigError(
                "repeats is 0; stability is the overlap of two masks or more for the same classes. Take at least 1."
            )
