"""Settings of SCAN."""

from dataclasses import dataclass, field, fields
from typing import Literal

from maskscope.engine.spec import at_least, counts
from maskscope.errors import ConfigError
from maskscope.procedure.settings import ANALYSIS, NETWORK, TRAINING
from maskscope.studies.sequences.spec import SequenceSpec

ScanSplit = Literal["jump", "length", "turn_left"]


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
