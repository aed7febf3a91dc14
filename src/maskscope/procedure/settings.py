"""How a network is fitted and how a mask is found, as settings of a study."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from maskscope.engine.spec import at_least
from maskscope.errors import ConfigError
from maskscope.masks import Annealing, BehaviourKept, Off, Penalty, Size, TargetDensity
from maskscope.procedure.masking import units_from
from maskscope.training import FitConfig, MaskConfig

# stages of a study of single networks, in order: a network is initialised, trained, masked, and measured with its masks
NETWORK, TRAINING, MASKS, ANALYSIS = range(4)


def require_different(controls: Sequence[str]) -> None:
    """Raises `ConfigError` if a control is named twice."""
    if len(set(controls)) < len(controls):
        raise ConfigError(f"controls names one twice: {' '.join(controls)}.")


@dataclass(frozen=True)
class FitSpec:
    """How the network is trained."""

    steps: int = 20_000
    """Optimisation steps of the network. Paper: 20,000."""
    batch_size: int = 128
    """Items a step. Paper: 128."""
    learning_rate: float = 1e-3
    """Adam's learning rate. Paper: 1e-3."""
    clip_norm: float = 1.0
    """Largest gradient norm; 0 for no clipping. Paper: 1; ResNet-110: 0."""
    optimizer: Literal["adam", "sgd"] = field(default="adam", metadata={"added": "0.1.0"})
    """adam, or sgd with momentum .9. Paper: adam; ResNet-110: sgd."""
    weight_decay: float = field(default=0.0, metadata={"added": "0.1.0"})
    """Factor of the weights in their gradient. Paper: 0; ResNet-110: 1e-4."""
    milestones: tuple[int, ...] = field(default=(), metadata={"added": "0.1.0"})
    """Steps from which on the learning rate is a tenth. Paper: none; ResNet-110: 32,000 and 48,000."""

    warmup: int = field(default=0, metadata={"added": "0.1.0"})
    """Steps over which the learning rate rises linearly. Paper: 0; Mathematics, linear_1d and collect: 5,000."""
    betas: tuple[float, ...] = field(default=(0.9, 0.999), metadata={"added": "0.1.0"})
    """Adam's two decay rates. Paper: .9 .999; Mathematics: .9 .995."""
    eps: float = field(default=1e-8, metadata={"added": "0.1.0"})
    """What Adam adds to the root of the second moment. Paper: 1e-8; Mathematics: 1e-9."""

    def __post_init__(self) -> None:
        at_least(self, steps=0, batch_size=1)
        if len(self.betas) != 2:
            raise ConfigError(f"betas is {self.betas}; two numbers were expected.")
        self.config()

    def config(self) -> FitConfig:
        """The settings of `maskscope.fit`."""
        return FitConfig(
            steps=self.steps,
            learning_rate=self.learning_rate,
            clip_norm=self.clip_norm,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            betas=(self.betas[0], self.betas[1]),
            eps=self.eps,
            milestones=self.milestones,
            warmup=self.warmup,
        )


@dataclass(frozen=True)
class MaskSpec:
    """How each mask is found."""

    steps: int = 20_000
    """Optimisation steps of each mask. Paper: 20,000."""
    batch_size: int = 128
    """Items a step, divided evenly among the samples. Paper: 128."""
    samples_per_step: int = 4
    """Independent mask samples a step. Paper: 4."""
    learning_rate: float = 1e-2
    """Adam's learning rate for the logits. Paper: 1e-2."""
    beta: float = 1e-4
    """Penalty: the factor of the sum of logits is beta / reference_batch. Paper: 1e-4; double addition, mlp: 4e-4."""
    reference_batch: int = 128
    """What beta is divided by. Paper: the batch size of the network's training, 128."""
    initial_logit: float = 2.0
    """Where every logit starts: 2 is a keep probability of .88. Paper: 2."""
    estimator: str = "rao-blackwell"
    """Gradient estimator (see `maskscope list`). Paper: straight-through; rao-blackwell has the same mean, less variance."""
    temperature: float = 1.0
    """Factor of the estimator's own temperatures. Paper: 1."""
    clip_norm: float = 1.0
    """Largest norm of the logits' gradient; 0 for no clipping. Paper: 1, but over accumulated gradients of the weights too."""
    accumulation: int = field(default=1, metadata={"added": "0.1.0"})
    """Parts that each sample sees before the logits move: a larger batch in the memory of a smaller. Paper: 1."""
    schedule: Literal["constant", "linear", "cosine", "warm-cosine"] = field(default="constant", metadata={"added": "0.1.0"})
    """Of the learning rate; linear and cosine end at 0; warm-cosine begins and ends there. Paper: constant."""
    stop_when_settled: bool = field(default=False, metadata={"added": "0.1.0"})
    """Whether a mask whose logits are decided and whose density is flat ends before its steps do. Paper: no."""
    warm_start: float = field(default=0.0, metadata={"added": "0.1.0"})
    """Spread of the initial logits: in each tensor by the rank of the attribution, around initial_logit. Paper: 0."""
    attribution: Literal["weight-times-gradient", "integrated-gradients"] = field(
        default="weight-times-gradient", metadata={"added": "0.1.0"}
    )
    """Scores of units for the baseline of top weights and for a warm start. Paper: neither."""
    annealing: tuple[float, ...] = field(default=(), metadata={"added": "0.1.0"})
    """Temperature of the estimator in the first and after the last step; none: its own. Paper: none, it is constant."""
    size: Literal["penalty", "target-density", "behaviour-kept"] = field(default="penalty", metadata={"added": "0.1.0"})
    """What decides how large a mask becomes: the penalty beta, or the share below. Paper: penalty."""
    penalty_of: Literal["logits", "probabilities"] = field(default="logits", metadata={"added": "0.1.0"})
    """What the penalty is on: the sum of logits, or of keep probabilities. Paper: logits."""
    share: float = field(default=0.95, metadata={"added": "0.1.0"})
    """target-density: of the units to keep. behaviour-kept: of the behaviour that the smallest mask is to keep."""
    behaviour: Literal["score", "loss", "kl"] = field(default="score", metadata={"added": "0.1.0"})
    """behaviour-kept: of what; kl is the divergence from the unmasked network's outputs."""
    units: tuple[str, ...] = field(default=(), metadata={"added": "0.1.0"})
    """Of a bit: weight (if empty), row, column, filter, channel, head, tensor, block; or pattern=unit. Paper: weight."""
    off: Literal["zero", "mean", "drawn", "other"] = field(default="zero", metadata={"added": "0.1.0"})
    """What stands in place of weights that are off: zero, their tensor's mean, or a value drawn from it; other, with a
    network of your own only: the weights of another network that it was given. Paper: zero."""
    stop_when_lost: bool = field(default=False, metadata={"added": "0.1.0"})
    """Whether a mask that keeps next to nothing and does no better than nothing ends before its steps do. Paper: no."""
    compute_dtype: Literal["weight", "bfloat16"] = field(default="weight", metadata={"added": "0.1.0"})
    """Of the masked copies; bfloat16 pays where there are instructions for it. Paper: float32."""

    def __post_init__(self) -> None:
        at_least(self, steps=0, batch_size=1, samples_per_step=1, reference_batch=1)
        if not self.warm_start >= 0:
            raise ConfigError(f"warm_start is {self.warm_start}; a number of at least 0 was expected (0: all start equal).")
        if self.batch_size % self.samples_per_step:
            raise ConfigError(
                f"batch_size {self.batch_size} does not divide by samples_per_step {self.samples_per_step}: each sample gets its "
                f"own equal part. Take a multiple of {self.samples_per_step}."
            )
        units_from(self.units)
        if len(self.annealing) not in (0, 2):
            raise ConfigError(f"annealing is {self.annealing}; two temperatures were expected, or none for the estimator's own.")
        self.config()

    @property
    def part_size(self) -> int:
        """Items of one sample's part."""
        return self.batch_size // self.samples_per_step

    def config(self) -> MaskConfig:
        """The settings of `maskscope.discover`."""
        return MaskConfig(
            steps=self.steps,
            samples_per_step=self.samples_per_step,
            learning_rate=self.learning_rate,
            size=self._size(),
            initial_logit=self.initial_logit,
            estimator=self.estimator,
            temperature=self.temperature,
            annealing=Annealing(self.annealing[0], self.annealing[1]) if self.annealing else None,
            clip_norm=self.clip_norm,
            accumulation=self.accumulation,
            schedule=self.schedule,
            stop_when_settled=self.stop_when_settled,
            stop_when_lost=self.stop_when_lost,
        )

    def off_values(self, seed: int) -> Off:
        """What stands in place of weights that are off; ``seed`` is of the values drawn.

        Raises:
            ConfigError: they are those of another network, which the settings do not have.
        """
        if self.off == "other":
            raise ConfigError("mask.off is other, and no other network was given: ms.Study(network, ..., off=other_network).")
        return Off(self.off, seed if self.off == "drawn" else 0)

    def _size(self) -> Size:
        if self.size == "target-density":
            return TargetDensity(self.share)
        if self.size == "behaviour-kept":
            return BehaviourKept(self.share, self.behaviour)
        return Penalty(self.beta / self.reference_batch, self.penalty_of)
