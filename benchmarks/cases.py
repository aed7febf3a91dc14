"""The networks whose steps are timed, each with a loss and data of the right shapes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from maskscope.tasks import SequenceTask, scan_splits, scan_task
from maskscope.zoo import CNN, LSTM, MLP, ResNet, SequenceLSTM, SequenceTransformer, Transformer


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
        batch: items a step.
        device: torch device of the data; a device that is no processor keeps the parts, which it is given once.
    """

    title: str
    make: Callable[[], nn.Module]
    samples: int
    inputs: tuple[int, ...]
    digits: int = 2
    exclude: tuple[str, ...] = ("*bias",)
    batch: int = 128
    device: str = "cpu"

    def part(self, index: int, items: int) -> Any:
        """Items of random data; speed does not depend on what they are."""
        if self.device != "cpu":
            return _kept(self, index % 16, items)
        random = torch.Generator().manual_seed(index % 16)
        return torch.randn(items, *self.inputs, generator=random), torch.randint(10, (items, self.digits), generator=random)

    def loss(self, network: Callable[[Tensor], Tensor], part: Any) -> Tensor:
        """Mean cross-entropy over digits."""
        x, target = part
        return cross_entropy(network(x).reshape(-1, 10), target.reshape(-1))


@dataclass(frozen=True)
class ScanCase(Case):
    """A network that reads commands and writes actions: real commands, whose lengths decide what a step costs.

    Args:
        forcing: see `SequenceTask`.
    """

    forcing: float = 1.0

    def part(self, index: int, items: int) -> Any:
        """Commands of the training part of split simple."""
        return _commands(self.forcing, self.device).batches(SequenceTask.whole, items, 0)(index)

    def loss(self, network: Any, part: Any) -> Tensor:
        """That of the task."""
        return _commands(self.forcing, self.device).loss(network, part)


@cache
def _kept(case: Case, index: int, items: int) -> tuple[Tensor, ...]:
    return tuple(one.to(case.device) for one in replace(case, device="cpu").part(index, items))


@cache
def _commands(forcing: float, device: str) -> SequenceTask:
    return scan_task(scan_splits([]), test_items=1, forcing=forcing, device=device)


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
    "scan-lstm": ScanCase(
        "SCAN LSTM 2 x 200", lambda: SequenceLSTM(14, 7), 4, (), exclude=("*bias*", "*embedding*"), batch=256, forcing=0.5
    ),
    "scan-transformer": ScanCase(
        "SCAN Transformer 3 x 100",
        lambda: SequenceTransformer(14, 7),
        *(4, ()),
        exclude=("*linear*.bias", "output.bias", "*embedding*"),
        batch=256,
    ),
    "transformer": Case("Transformer 3 x 128, 8 positions", lambda: Transformer(42, 8, 20), 4, (8, 42)),
}
