"""Settings that the studies of one image classifier have in common."""

from dataclasses import dataclass, field
from typing import Literal

from maskscope.engine.spec import FOUND_BY_THE_RUN, at_least, counts
from maskscope.procedure.settings import ANALYSIS, MASKS, NETWORK, TRAINING, FitSpec, MaskSpec, require_different

Data = Literal["cifar10", "cifar100", "mnist", "fashion-mnist"]
ImageNetwork = Literal["cnn", "cnn-no-dropout", "resnet20", "resnet110"]
ImageControl = Literal["untrained", "shuffled-weights"]
Layout = Literal["contiguous", "channels-last"]
_CIFAR_MASKS = MaskSpec(learning_rate=1e-3, beta=3e-4)


@dataclass(frozen=True)
class ImageSpec:
    """What the studies of one image classifier have in common: its data, its training, its masks."""

    data: Data = "cifar10"
    """Which images. Paper: cifar10."""
    data_digest: str = field(default="", metadata=FOUND_BY_THE_RUN)
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

    def __post_init__(self) -> None:
        at_least(self, repeats=0, random_draws=1)
        require_different(self.controls)
