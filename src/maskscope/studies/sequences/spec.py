"""Settings that the studies of sequences have in common."""

from dataclasses import dataclass, field
from typing import Literal

from maskscope.engine.spec import FOUND_BY_THE_RUN, at_least, counts
from maskscope.errors import ConfigError
from maskscope.procedure.settings import ANALYSIS, MASKS, NETWORK, TRAINING, FitSpec, MaskSpec, require_different


@dataclass(frozen=True)
class SequenceSpec:
    """What the studies of sequences have in common: a network that reads and writes, its training, its masks."""

    data_digest: str = field(default="", metadata=FOUND_BY_THE_RUN)
    """SHA-256 of the questions; empty: whatever is found. A run writes it here, so that other data make another run."""
    width: int = field(default=200, metadata=counts(NETWORK, TRAINING))
    """Units of each layer of an LSTM; features of a Transformer. Paper: SCAN, LSTM 200, Transformer 100; Mathematics 512."""
    layers: int = field(default=2, metadata=counts(NETWORK, TRAINING))
    """Layers of the encoder, and of the decoder. Paper: SCAN, LSTM 2, Transformer 3; Mathematics 6."""
    heads: int = field(default=4, metadata=counts(NETWORK, TRAINING))
    """Of each attention of a Transformer. Paper: SCAN 4; Mathematics 8."""
    feedforward: int = field(default=200, metadata=counts(NETWORK, TRAINING))
    """Units of each feed-forward part of a Transformer. Paper: SCAN 200; Mathematics 2,048."""
    dropout: float = field(default=0.5, metadata=counts(NETWORK, TRAINING))
    """Share of features dropped in training. Paper: .5 in LSTMs, .1 in Transformers."""
    fit: FitSpec = field(default_factory=FitSpec, metadata=counts(TRAINING, TRAINING))
    """How the network is trained."""
    mask: MaskSpec = field(default_factory=MaskSpec, metadata=counts(MASKS, MASKS))
    """How each mask is found."""
    repeats: int = field(default=0, metadata=counts(None))
    """Further masks for each set of questions, with other noise and data order: the ceiling of overlap. Paper: 0."""
    controls: tuple[Literal["untrained", "shuffled-weights"], ...] = field(default=(), metadata=counts(None))
    """Where the same procedure should find nothing: untrained, shuffled-weights (within each tensor). Paper: none."""
    random_draws: int = field(default=2, metadata=counts(ANALYSIS))
    """Random masks of equal density removed, as the baseline of necessity. Paper: 0."""
    examples: int = field(default=6, metadata=counts(ANALYSIS))
    """Questions of each test whose answers the record shows, token by token."""

    def __post_init__(self) -> None:
        at_least(self, width=1, layers=1, heads=1, feedforward=1, repeats=0, random_draws=1, examples=0)
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout is {self.dropout}; a share from 0 to below 1 was expected.")
        require_different(self.controls)

    def require_heads(self) -> None:
        """Raises `ConfigError` unless the features divide among the heads."""
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} does not divide by heads {self.heads}. Take a multiple.")
