"""Settings of the Mathematics Dataset."""

from dataclasses import dataclass, field
from typing import Literal

from maskscope.engine.spec import at_least, counts
from maskscope.errors import ConfigError
from maskscope.procedure.settings import ANALYSIS, NETWORK, TRAINING
from maskscope.studies.sequences.spec import SequenceSpec

Module = Literal["add_or_sub", "linear_1d", "differentiate", "sort", "collect"]
Level = Literal["easy", "medium", "hard"]


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
