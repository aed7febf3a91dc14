"""Settings of the studies of sequences: SCAN, the Mathematics Dataset."""

from dataclasses import dataclass, field, fields
from typing import ClassVar, Literal

from maskscope.errors import ConfigError
from maskscope.experiments.settings import ANALYSIS, MASKS, NETWORK, TRAINING, FitSpec, MaskSpec, at_least, counts

ScanSplit = Literal["jump", "length", "turn_left"]
Module = Literal["add_or_sub", "linear_1d", "differentiate", "sort", "collect"]
Level = Literal["easy", "medium", "hard"]
SequenceControl = Literal["untrained", "shuffled-weights"]


@dataclass(frozen=True)
class SequenceSpec:
    """What the studies of sequences have in common: a network that reads and writes, its training, its masks."""

    data_digest: str = ""
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
    controls: tuple[SequenceControl, ...] = field(default=(), metadata=counts(None))
    """Where the same procedure should find nothing: untrained, shuffled-weights (within each tensor). Paper: none."""
    random_draws: int = field(default=2, metadata=counts(ANALYSIS))
    """Random masks of equal density removed, as the baseline of necessity. Paper: 0."""
    examples: int = field(default=6, metadata=counts(ANALYSIS))
    """Questions of each test whose answers the record shows, token by token."""

    full_mask: ClassVar[bool] = True
    unrelated: ClassVar[int] = 0

    def __post_init__(self) -> None:
        at_least(self, width=1, layers=1, heads=1, feedforward=1, repeats=0, random_draws=1, examples=0)
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout is {self.dropout}; a share from 0 to below 1 was expected.")
        if len(set(self.controls)) < len(self.controls):
            raise ConfigError(f"controls names one twice: {' '.join(self.controls)}.")

    def require_heads(self) -> None:
        """Raises `ConfigError` unless the features divide among the heads."""
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} does not divide by heads {self.heads}. Take a multiple.")


@dataclass(frozen=True)
class ScanSpec(SequenceSpec):
    """Commands and actions: are held-out combinations solved by the weights that solve the rest (paper, section on SCAN)?"""

    network: Literal["lstm", "transformer"] = field(default="lstm", metadata=counts(NETWORK, TRAINING))
    """The LSTM or the Transformer of the paper, an encoder and a decoder each."""
    embedding: int = field(default=16, metadata=counts(NETWORK, TRAINING))
    """Features of a token in the LSTM. Paper: 16."""
    forcing: float = field(default=0.5, metadata=counts(TRAINING))
    """Share of the parts in which the decoder reads the right actions so far; in the others it reads its own. Paper: .5 for the
    LSTM, 1 for the Transformer."""
    splits: tuple[ScanSplit, ...] = field(default=("jump", "length", "turn_left"), metadata=counts(ANALYSIS))
    """Splits whose training parts masks are sought for; the network is trained on `simple`. Paper: all three."""
    source: Literal["grammar", "folder"] = field(default="grammar", metadata=counts(TRAINING))
    """Whether the splits are generated, or read from the published files in --data-dir."""
    simple_seed: int = field(default=0, metadata=counts(TRAINING))
    """Which commands the generated `simple` holds out; the published one was drawn by an unknown seed."""
    baselines: bool = field(default=True, metadata=counts(ANALYSIS))
    """Whether a network is trained on each of the splits, without masks, to compare with. Paper: yes."""
    test_items: int = field(default=0, metadata=counts(ANALYSIS))
    """Commands of each test that accuracy is over, drawn at random; 0: all. Paper: all."""
    decoder_drops: bool = field(default=False, metadata=counts(ANALYSIS))
    """Whether unmasked LSTMs are also scored with the decoder's dropout on, as the authors' code had it in evaluation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, embedding=1, test_items=0)
        if not 0 <= self.forcing <= 1:
            raise ConfigError(f"forcing is {self.forcing}; a share from 0 to 1 was expected.")
        if not self.splits or len(set(self.splits)) < len(self.splits):
            raise ConfigError(f"splits is {self.splits}; at least one of jump, length, turn_left, none twice, was expected.")
        idle = {"heads", "feedforward"} if self.network == "lstm" else {"embedding"}
        idle |= {"simple_seed"} if self.source == "folder" else set()
        for item in (item for item in fields(self) if item.name in idle and getattr(self, item.name) != item.default):
            raise ConfigError(
                f"{item.name} is {getattr(self, item.name)}, but plays no part with network {self.network} and source "
                f"{self.source}. Leave it out."
            )
        if self.network == "transformer":
            self.require_heads()
            if self.decoder_drops:
                raise ConfigError(
                    "decoder_drops is for network lstm: only its decoder dropped in evaluation in the authors' code."
                )


@dataclass(frozen=True)
class MathematicsSpec(SequenceSpec):
    """Questions of one module: are hard ones answered by the weights that answer easy ones (paper, Mathematics Dataset)?"""

    network: Literal["transformer"] = field(default="transformer", metadata=counts(NETWORK, TRAINING))
    """The Transformer of the paper, with one embedding for reading, writing and as the output map."""
    module: Module = field(default="add_or_sub", metadata=counts(TRAINING))
    """Kind of question. Paper: each of the five, one network each."""
    masks_on: tuple[Level, ...] = field(default=("easy",), metadata=counts(ANALYSIS))
    """Levels whose questions masks are sought for, one each; the full mask has all three. Paper: easy."""
    source: Literal["generated", "archive"] = field(default="generated", metadata=counts(TRAINING))
    """Whether the questions are generated, or read from the published archive, unpacked in --data-dir."""
    train_items: int = field(default=100_000, metadata=counts(TRAINING))
    """Generated training questions of each level. Paper: about 656,000 of the archive, which is read whole."""
    held_out: int = field(default=10_000, metadata=counts(TRAINING))
    """Questions of each level that accuracy is over; the network is not trained on them. Paper: 10,000."""
    data_seed: int = field(default=0, metadata=counts(TRAINING))
    """Of generated questions."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, train_items=1, held_out=1)
        self.require_heads()
        if not self.masks_on or len(set(self.masks_on)) < len(self.masks_on):
            raise ConfigError(f"masks_on is {self.masks_on}; at least one of easy, medium, hard, none twice, was expected.")
