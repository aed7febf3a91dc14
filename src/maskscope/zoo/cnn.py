"""The convolutional network of the paper's CIFAR-10 experiment."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn


class CNN(nn.Module):
    """Four 3 x 3 convolutions (32, 64, 128, 256 channels) with ReLU and max-pooling between them, a global mean, a linear layer.

    Args:
        classes: the number of classes.
        channels: the number of channels of the images.
        dropout: whether there is dropout: 0.25 after the third convolution and 0.5 after the fourth.

    Source: Csordás et al. 2021; sizes from their code (`models/conv.py`). 390,986 parameters with 3 channels and 10 classes.
    """

    def __init__(self, classes: int = 10, channels: int = 3, *, dropout: bool = True) -> None:
        super().__init__()
        sizes = [channels, 32, 64, 128, 256]
        convolutions = [nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(sizes)]
        quarter, half = (nn.Dropout(share) if dropout else nn.Identity() for share in (0.25, 0.5))
        first, second, third, fourth = convolutions
        self.features = nn.Sequential(
            *(first, nn.ReLU(), nn.MaxPool2d(2)),
            *(second, nn.ReLU(), nn.MaxPool2d(2)),
            *(third, quarter, nn.ReLU(), nn.MaxPool2d(2)),
            *(fourth, nn.ReLU(), half),
        )
        self.output = nn.Linear(256, classes)

    def forward(self, images: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n classes"]:
        """The scores of the classes."""
        scores: Tensor = self.output(self.features(images).mean((2, 3)))
        return scores
