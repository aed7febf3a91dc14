"""Settings of permuted images."""

from dataclasses import dataclass, field
from typing import Literal

from maskscope.engine.spec import FOUND_BY_THE_RUN, at_least, counts
from maskscope.errors import ConfigError
from maskscope.procedure.settings import MaskSpec

# the stages of networks that grow, for `counts`
FIRST_TASK, LATER_TASKS = range(2)


@dataclass(frozen=True)
class PermutedImagesSpec:
    """The same problem in another order of pixels, again and again: are weights of earlier tasks used again (paper: transfer)?"""

    data: Literal["mnist", "fashion-mnist"] = "mnist"
    """Which images. Paper: mnist."""
    data_digest: str = field(default="", metadata=FOUND_BY_THE_RUN)
    """SHA-256 of their unpacked files; empty: whatever is found. A run writes it here, so that other data make another run."""
    network: Literal["mlp"] = field(default="mlp", metadata={"added": "0.1.0"})  # so far there is no other
    """The feed-forward network of the paper."""
    hidden: tuple[int, ...] = (800, 800, 64)
    """Units of each hidden layer. Paper: 800 800 64."""
    tasks: int = field(default=11, metadata=counts(None))
    """Tasks: the images as they are, then permutations of their pixels. Paper: 11."""
    new_logits: tuple[float, ...] = field(default=(2.0, 0.0, -1.0), metadata=counts(None))
    """Where the logits of weights start that no earlier task uses; one network for each. Paper: 2, 0 and -1."""
    reset_first_layer: bool = field(default=True, metadata=counts(LATER_TASKS))
    """Whether the first layer is free again for every task. Paper: yes; without, earlier tasks keep their answers to the bit."""
    mask: MaskSpec = field(
        default_factory=lambda: MaskSpec(
            steps=30_000, batch_size=128, samples_per_step=8, learning_rate=1e-2, beta=1.28e-3, reference_batch=128
        )
    )
    """How masks and free weights are found, together; initial_logit is that of used weights and of the first task. Paper: 30,000
    steps a task."""

    def __post_init__(self) -> None:
        at_least(self, tasks=1)
        if not self.hidden or min(self.hidden) < 1:
            raise ConfigError(f"hidden is {self.hidden}; at least one layer of at least one unit was expected.")
        if not self.new_logits or len(set(self.new_logits)) < len(self.new_logits):
            raise ConfigError(f"new_logits is {self.new_logits}; at least one number, none twice, was expected.")
        if self.mask.stop_when_settled or self.mask.warm_start or self.mask.compute_dtype != "weight":
            raise ConfigError("Masks that grow with their weights have no stop_when_settled, warm_start or compute_dtype.")
