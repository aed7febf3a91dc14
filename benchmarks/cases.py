"""The networks whose steps are timed, each with a loss and data of the right shapes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from maskscope.zoo import CNN, LSTM, MLP, ResNet, Transformer

BATCH = 128


@dataclass(frozen=True)
class Case:
    """One network.

    Args:
        title: what it is.
        make: makes it.
        samples: S of its mask steps.
        inputs: shape of one input.
        digits: groups of ten scores, each with a target.
        exclude: weights that are not masked.
    """

    title: str
    make: Callable[[], nn.Module]
    samples: int
    inputs: tuple[int, ...]
    digits: int = 2
    exclude: tuple[str, ...] = ("*bias",)

    def part(self, index: int, items: int) -> tuple[Tensor, Tensor]:
        """Items of random data; speed does not depend on what they are."""
        random = torch.Generator().manual_seed(index % 16)
        return torch.randn(items, *self.inputs, generator=random), torch.randint(10, (items, self.digits), generator=random)

    def loss(self, network: Callable[[Tensor], Tensor], part: Any) -> Tensor:
        """Mean cross-entropy over digits."""
        x, target = part
        return cross_entropy(network(x).reshape(-1, 10), target.reshape(-1))


def _mlp(*hidden: int) -> Case:
    title = f"FNN 42-{'-'.join(map(str, hidden))}-20"
    return Case(title, lambda: MLP([42, *hidden, 20]), 4, (42,))


CASES = {
    "small": _mlp(400, 400, 200),
    "medium": _mlp(800, 800, 800, 800),
    "big": _mlp(2000, 2000, 2000, 2000),
    "huge": _mlp(4000, 4000, 4000, 4000),
    "mnist": Case("FNN 784-800-800-64-10", lambda: MLP([784, 800, 800, 64, 10]), 8, (784,), digits=1, exclude=()),
    "cnn": Case("CNN 32-64-128-256, 32 x 32 images", CNN, 4, (3, 32, 32), digits=1, exclude=()),
    "resnet20": Case("ResNet-20, 32 x 32 images", lambda: ResNet(20), 4, (3, 32, 32), digits=1, exclude=()),
    "resnet110": Case("ResNet-110, 32 x 32 images", lambda: ResNet(110), 4, (3, 32, 32), digits=1, exclude=()),
    "lstm": Case("LSTM 2 x 256, 3 steps", lambda: LSTM(42, 20), 4, (42,)),
    "transformer": Case("Transformer 3 x 128, 8 positions", lambda: Transformer(42, 8, 20), 4, (8, 42)),
}
