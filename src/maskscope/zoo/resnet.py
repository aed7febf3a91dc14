"""The residual network of the paper's CIFAR-10 experiment."""

from jaxtyping import Float
from torch import Tensor, nn


class ResNet(nn.Module):
    """A 3 x 3 convolution, three groups of basic blocks with 16, 32 and 64 channels, a global mean, a linear layer.

    Each group has (depth - 2) / 6 blocks; the second and the third group start with a stride of 2. Convolutions have no bias and
    are followed by batch norm. Initialised as torch does (Kaiming uniform, a = sqrt 5; batch norm 1 and 0).

    Args:
        depth: the number of layers with weights along the main path, 6 n + 2.
        classes: the number of classes.
        channels: the number of channels of the images.

    Raises:
        ValueError: there is no network of this depth.

    Source: He et al. 2016, section 4.2. One difference, from Csordás et al. 2021 (`models/resnet.py`): if the shape changes, the
    shortcut is a 1 x 1 convolution with batch norm. 1,730,714 parameters at depth 110 with 3 channels and 10 classes.
    """

    def __init__(self, depth: int = 110, classes: int = 10, channels: int = 3) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            nearest = 6 * max(1, round((depth - 2) / 6)) + 2
            raise ValueError(f"depth is {depth}; 6 n + 2 was expected (8, 14, 20, ..., 110): take {nearest}, for example.")
        self.stem = nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.groups = nn.Sequential(_group(16, 16, blocks, stride=1), _group(16, 32, blocks), _group(32, 64, blocks))
        self.output = nn.Linear(64, classes)

    def forward(self, images: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n classes"]:
        """The scores of the classes."""
        scores: Tensor = self.output(self.groups(self.stem(images)).mean((2, 3)))
        return scores


def _group(before: int, after: int, blocks: int, stride: int = 2) -> nn.Sequential:
    return nn.Sequential(_Block(before, after, stride), *(_Block(after, after, 1) for _ in range(blocks - 1)))


class _Block(nn.Module):
    """A basic block: two convolutions, plus a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        same = before == after and stride == 1
        convolution = (nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.shortcut = nn.Identity() if same else nn.Sequential(*convolution)

    def forward(self, x: Float[Tensor, "n before height width"]) -> Float[Tensor, "n after smaller_height smaller_width"]:
        inner = self.first_norm(self.first(x)).relu()
        result: Tensor = (self.second_norm(self.second(inner)) + self.shortcut(x)).relu()
        return result
