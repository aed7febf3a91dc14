"""Permuted images: each permutation of the pixels is a task of its own.

Source: Csordás et al. 2021, permuted MNIST; the permutations and the division of the images are as in the authors' code.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from maskscope.data import ImageData
from maskscope.errors import ConfigError
from maskscope.tasks.images import ImageStore, divide, statistics_of
from maskscope.tasks.task import Part, Scores, Task, uniform_choice

_ITEMS_AT_ONCE = 4096


class PermutedImages(Task):
    """Task T1 shows the images as they are; each further task (T2, T3, ...) shows their pixels in a fixed order of its own.

    All tasks have the same labels and share the outputs. Evaluation is on a fifth of the training images; the official test
    images are not used.

    Args:
        data: images of one channel.
        tasks: the number of tasks.
        device: the device of the images.
    """

    def __init__(self, data: ImageData, tasks: int = 11, device: torch.device | str = "cpu") -> None:
        channels, height, width = data.train.pixels.shape[1:]
        if channels != 1:
            raise ConfigError(f"{data.name} has {channels} channels; images of one channel were expected, as in mnist.")
        self.device, self._pixels, self._classes = torch.device(device), height * width, data.classes
        train, held_out = divide(data.train)
        if not len(train.labels) or not len(held_out.labels):
            raise ConfigError(f"{data.name} has {len(data.train.labels)} training images: too few to divide.")
        statistics = statistics_of(train)
        self._train = ImageStore(train, statistics, self.device)
        self._evaluation = ImageStore(held_out, statistics, self.device)
        self._orders = {f"T{number + 1}": permutation(number, self._pixels).to(self.device) for number in range(tasks)}

    @property
    def functions(self) -> tuple[str, ...]:
        """The tasks: T1, T2, ..."""
        return tuple(self._orders)

    @property
    def sizes(self) -> tuple[int, int]:
        """Pixels and classes."""
        return self._pixels, len(self._classes)

    @property
    def evaluation_items(self) -> int:
        """The number of evaluation images."""
        return len(self._evaluation)

    def batches(self, function: str, items: int, seed: int) -> Callable[[int], Part]:
        """See `Task.batches`; for ``all``, each image is shown in the order of a random task."""
        self.require(function)
        choose = uniform_choice(items, len(self._train), seed)
        orders = torch.stack([self._orders[name] for name in (self.functions if function == self.whole else (function,))])
        which = uniform_choice(items, len(orders), seed + 1)

        def batch(index: int) -> Part:
            chosen = choose(index).to(self.device)
            own = orders[which(index).to(self.device)]
            return Part(self._train.show(chosen).flatten(1).gather(1, own), self._train.labels[chosen])

        return batch

    def loss(self, network: nn.Module, part: Part) -> Float[Tensor, ""]:
        """Cross-entropy, averaged over images."""
        return nn.functional.cross_entropy(network(part.inputs), part.targets)

    def score(self, run: Callable[[Tensor], Tensor]) -> Scores:
        """Accuracy on the evaluation images in the order of each task."""
        return Scores({name: self.accuracy(name, run) for name in self.functions})

    def accuracy(self, function: str, run: Callable[[Tensor], Tensor]) -> float:
        """Accuracy on the evaluation images in the order of one task."""
        self.require(function)
        store, order = self._evaluation, self._orders[function]
        right = 0
        for start in range(0, len(store), _ITEMS_AT_ONCE):
            here = slice(start, start + _ITEMS_AT_ONCE)
            right += int((run(store.show(here).flatten(1)[:, order]).argmax(-1) == store.labels[here]).sum())
        return right / len(store)


def permutation(number: int, pixels: int) -> Int64[Tensor, " pixels"]:
    """The order of the pixels in task ``number``: input j is pixel ``permutation[j]``; task 0 shows the images as they are.

    Source: the authors' code, which uses NumPy's legacy generator, seeded with the number of the task.
    """
    return torch.from_numpy(np.random.RandomState(number).permutation(pixels)) if number else torch.arange(pixels)
