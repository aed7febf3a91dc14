"""Settings of a study of a user's own network."""

from dataclasses import dataclass, field
from typing import Literal

from maskscope.engine.spec import FOUND_BY_THE_RUN, at_least, counts
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
    exclude: tuple[str, ...] = field(default=("*bias*",), metadata=counts(MASKS))
    """Patterns of the parameters that no mask is over."""
    mask: MaskSpec = field(default_factory=MaskSpec, metadata=counts(MASKS, MASKS))
    """How each mask is found. A part of the data is one item here: batch_size is samples_per_step."""
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
