"""Settings of the arithmetic studies."""

from dataclasses import dataclass, field
from typing import Literal

import torch

from maskscope.engine.spec import at_least, counts
from maskscope.errors import ConfigError
from maskscope.procedure.settings import ANALYSIS, MASKS, NETWORK, TRAINING, FitSpec, MaskSpec, require_different
from maskscope.tasks.digits import require_digits

Network = Literal["mlp", "lstm", "transformer"]
TRANSFORMER_HEADS = 4


@dataclass(frozen=True)
class ArithmeticSpec:
    """What the arithmetic studies have in common: a network, its training, its masks, and what they are compared with."""

    network: Network = field(default="mlp", metadata=counts(NETWORK, TRAINING))
    """Kind of network: the feed-forward network and the LSTM of the paper, or (ours) a small Transformer."""
    hidden: tuple[int, ...] = field(default=(2000, 2000, 2000, 2000), metadata=counts(NETWORK, TRAINING))
    """Units of each hidden layer; one width for all of lstm and transformer. Paper: 400 400 200, 800 x 4, 2000 x 4 (main), 4000 x
    4; 256 256 for the LSTM."""
    digits: int = 2
    """Digits of each number; results are modulo 10^digits. Paper: 2."""
    train_items: int = field(default=1_000_000, metadata=counts(TRAINING, MASKS))
    """Size of the training set, made by the paper's generator. Paper: 1,000,000."""
    fit: FitSpec = field(default_factory=FitSpec, metadata=counts(TRAINING, TRAINING))
    """How the network is trained."""
    mask: MaskSpec = field(default_factory=MaskSpec, metadata=counts(MASKS, MASKS))
    """How each mask is found."""
    repeats: int = field(default=1, metadata=counts(None))
    """Further masks for each function, with other noise and data order: the ceiling of overlap; 4 or more give the stable core.
    Paper: 0."""
    controls: tuple[Literal["untrained", "shuffled-weights", "shuffled-labels"], ...] = field(
        default=("untrained",), metadata=counts(None)
    )
    """Where the same procedure should find nothing: untrained, shuffled-weights (within each tensor), shuffled-labels. Paper:
    none."""
    unrelated: int = field(default=0, metadata=counts(None))
    """As many networks from the same initial weights, trained on an arbitrary function in place of the last one, with masks for
    both: the null of overlap. 19 or more can reach p = .05. Paper: 0."""
    random_draws: int = field(default=5, metadata=counts(ANALYSIS))
    """Random masks of equal density removed, as the baseline of necessity. Paper: 0."""
    dtype: Literal["float32", "float64"] = "float32"
    """Numbers of the network; logits are float32 always."""

    def __post_init__(self) -> None:
        at_least(self, repeats=0, unrelated=0, random_draws=1)
        if not self.hidden or min(self.hidden) < 1:
            raise ConfigError(f"hidden is {self.hidden}; at least one layer of at least one unit was expected.")
        if self.network != "mlp" and len(set(self.hidden)) > 1:
            raise ConfigError(f"hidden is {self.hidden}; all layers of network {self.network} have one width, as in 128 128.")
        if self.network == "transformer" and self.hidden[0] % TRANSFORMER_HEADS:
            raise ConfigError(f"hidden is {self.hidden}; the width of a transformer is a multiple of {TRANSFORMER_HEADS}.")
        require_different(self.controls)
        require_digits(self.digits, self.train_items)

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype as torch has it."""
        return {"float32": torch.float32, "float64": torch.float64}[self.dtype]
