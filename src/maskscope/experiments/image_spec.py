"""Settings of the image studies: class removal, mask stability, permuted images."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from maskscope.errors import ConfigError
from maskscope.experiments.settings import ANALYSIS, MASKS, NETWORK, TRAINING, FitSpec, MaskSpec, at_least, counts

Data = Literal["cifar10", "cifar100", "mnist", "fashion-mnist"]
ImageNetwork = Literal["cnn", "cnn-no-dropout", "resnet20", "resnet110"]
ImageControl = Literal["untrained", "shuffled-weights"]
Layout = Literal["contiguous", "channels-last"]
# ends the name of the mask that has an output layer of its own, for the gradient cosine
OWN_OUTPUT = "-own-output"
# the stages of networks that grow, for `counts`
FIRST_TASK, LATER_TASKS = range(2)
_CIFAR_MASKS = MaskSpec(learning_rate=1e-3, beta=3e-4)


@dataclass(frozen=True)
class ImageSpec:
    """What the studies of one image classifier have in common: its data, its training, its masks."""

    data: Data = "cifar10"
    """Which images. Paper: cifar10."""
    data_digest: str = ""
    """SHA-256 of their unpacked files; empty: whatever is found. A run writes it here, so that other data make another run."""
    network: ImageNetwork = field(default="cnn", metadata=counts(NETWORK, TRAINING))
    """The simple CNN of the paper with or without dropout, ResNet-110, or (ours) its small relative ResNet-20."""
    augment: bool = field(default=False, metadata=counts(TRAINING))
    """Whether images are cropped at random and mirrored, in training and for masks. Paper: ResNet-110 only."""
    evaluate_on: Literal["validation", "test"] = field(default="validation", metadata=counts(TRAINING))
    """Where accuracy is measured: a fifth of the training images, which are then not trained on, or the official test images.
    Paper: validation for the CNN, test for ResNet-110."""
    fit: FitSpec = field(default_factory=FitSpec, metadata=counts(TRAINING, TRAINING))
    """How the network is trained."""
    mask: MaskSpec = field(default_factory=lambda: _CIFAR_MASKS, metadata=counts(MASKS, MASKS))
    """How each mask is found."""
    repeats: int = field(default=0, metadata=counts(None))
    """Further masks for each function, with other noise and data order: the ceiling of overlap. Paper: 0; stability: 1."""
    controls: tuple[ImageControl, ...] = field(default=(), metadata=counts(None))
    """Where the same procedure should find nothing: untrained, shuffled-weights (within each tensor). Paper: none."""
    random_draws: int = field(default=2, metadata=counts(ANALYSIS))
    """Random masks of equal density removed, as the baseline of necessity. Paper: 0."""
    layout: Layout = "contiguous"
    """Of images and weights in memory; channels-last pays on a GPU. Paper: contiguous."""
    together: bool = field(default=False, metadata=counts(None))
    """Whether all masks of a network and repeat are found together: faster on a GPU, three times slower on a CPU. Paper: no."""
    mixed_precision: bool = False
    """Whether the network runs under bfloat16 autocast, in training and for masks; pays on a GPU. Paper: no."""

    full_mask: ClassVar[bool] = True
    unrelated: ClassVar[int] = 0

    def __post_init__(self) -> None:
        at_least(self, repeats=0, random_draws=1)
        if len(set(self.controls)) < len(self.controls):
            raise ConfigError(f"controls names one twice: {' '.join(self.controls)}.")


@dataclass(frozen=True)
class ClassRemovalSpec(ImageSpec):
    """Which weights are needed for one class only (paper, section on CIFAR-10)."""

    classes: tuple[str, ...] = field(default=(), metadata=counts(None))
    """Classes that are removed, one at a time; all, unless named. Paper: all ten."""
    keep_output: bool = field(default=True, metadata=counts(MASKS, MASKS))
    """Whether every mask of removal has the output layer of the full mask, so that none can delete an output. Paper: yes."""
    gradient_cosine: str = field(default="", metadata=counts(ANALYSIS))
    """A class for which one more mask is found, output layer and all, to see how masking distorts gradients; empty: none.
    Paper's code: airplane."""


@dataclass(frozen=True)
class MaskStabilitySpec(ImageSpec):
    """How alike two masks for the same function are: pairs of classes, two masks each."""

    pairs: int = field(default=10, metadata=counts(None))
    """Pairs of classes, drawn without replacement. Paper: 10 ordered pairs, drawn anew in every run."""
    pairs_seed: int = field(default=1234, metadata=counts(None))
    """Of the draw; the same for every network, so that pairs can be compared over networks."""

    full_mask: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, pairs=1)
        if self.repeats < 1:
            raise ConfigError(
                "repeats is 0; stability is the overlap of two masks or more for the same classes. Take at least 1."
            )


@dataclass(frozen=True)
class PermutedImagesSpec:
    """The same problem in another order of pixels, again and again: are weights of earlier tasks used again (paper: transfer)?"""

    data: Literal["mnist", "fashion-mnist"] = "mnist"
    """Which images. Paper: mnist."""
    data_digest: str = ""
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
