"""Settings of a study of a user's own network."""

from dataclasses import dataclass, field
from typing import Literal

from maskscope.engine.spec import FOUND_BY_THE_RUN, at_least, counts
from maskscope.errors import ConfigError
from maskscope.procedure.settings import ANALYSIS, MASKS, MaskSpec, require_different

OwnControl = Literal["untrained", "shuffled-weights", "spike-in", "shuffled-labels", "disjoint-inputs"]


@dataclass(frozen=True)
class OwnSpec:
    """What is sought in a network that somebody brought, and with what it is compared."""

    networks: tuple[str, ...] = field(default=(), metadata=counts(None) | FOUND_BY_THE_RUN)
    """Digests of the given weights, one for each network; a run finds them."""
    functions: tuple[str, ...] = field(default=(), metadata=counts(ANALYSIS) | FOUND_BY_THE_RUN)
    """Digests of the data that masks are found with, one for each function; a run finds them."""
    scored: tuple[str, ...] = field(default=(), metadata=counts(ANALYSIS) | FOUND_BY_THE_RUN)
    """Digests of the data that scores are over, one for each function; a run finds them."""
    scored_on: tuple[str, ...] = field(default=(), metadata=counts(None) | FOUND_BY_THE_RUN)
    """Whether masks were found with the data that scores are over, for each function; a run finds it."""
    loss: str = field(default="", metadata=counts(MASKS, MASKS) | FOUND_BY_THE_RUN)
    """Digest of the loss function; a run finds it."""
    score: str = field(default="", metadata=counts(ANALYSIS) | FOUND_BY_THE_RUN)
    """Digest of the score function; a run finds it."""
    score_name: str = field(default="", metadata=counts(None) | FOUND_BY_THE_RUN | {"added": "0.1.0"})
    """What the score is, where it is that of a named loss and the same for all functions; a run finds it."""
    series: tuple[str, ...] = field(default=(), metadata=counts(None) | FOUND_BY_THE_RUN | {"added": "0.1.0"})
    """Labels of the networks where they are states of one network while it was trained; none: they are replicates."""
    warm: bool = field(default=True, metadata=counts(None) | {"added": "0.1.0"})
    """Of a series: whether each search starts from the mask that was found for the same function on the state before."""
    exclude: tuple[str, ...] = field(default=("*bias*",), metadata=counts(MASKS))
    """Patterns of the parameters that no mask is over."""
    mask: MaskSpec = field(default_factory=MaskSpec, metadata=counts(MASKS, MASKS))
    """How each mask is found. A part of the data is one item here: batch_size is samples_per_step."""
    other: str = field(default="", metadata=counts(MASKS) | FOUND_BY_THE_RUN | {"added": "0.1.0"})
    """Digest of the weights that stand in place of those that are off, where another network was given; a run finds it."""
    repeats: int = field(default=1, metadata=counts(None))
    """Further masks for each function, with other noise and data order: the ceiling of overlap."""
    kinds: str = field(default="", metadata=counts(ANALYSIS) | FOUND_BY_THE_RUN | {"added": "0.1.0"})
    """Digest of what tells the kinds of inputs; a run finds it. Empty: disjoint inputs are halves of the data."""
    controls: tuple[OwnControl, ...] = field(default=("shuffled-weights",), metadata=counts(None))
    """Where the same procedure should find nothing: shuffled-weights (within each tensor), shuffled-labels (within each part),
    untrained (where the study says how to make such a network). Whether it finds what is there: spike-in (a rule planted in known
    weights of a copy). A second ceiling: disjoint-inputs (masks of one function from different inputs)."""
    random_draws: int = field(default=5, metadata=counts(ANALYSIS))
    """Random masks of equal density removed, as the baseline of necessity."""

    def __post_init__(self) -> None:
        at_least(self, repeats=0, random_draws=1)
        require_different(self.controls)
        if self.series and (len(self.series) < 2 or (self.networks and len(self.series) != len(self.networks))):
            raise ConfigError(
                f"series has {len(self.series)} labels, and there are {len(self.networks) or 'at least 2'} networks; a label for "
                "each of at least two checkpoints was expected."
            )
        if not self.warm and not self.series:
            raise ConfigError("warm is false, which says how a series is searched, and there is no series. Leave it out.")
