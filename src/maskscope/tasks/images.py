"""Images and their classes: stored as uint8 tensors on the device; normalised, cropped and mirrored when a batch is made.

Source: Csordás et al. 2021, the experiments on CIFAR-10 and permuted MNIST; division of the images and normalisation as in the
authors' code.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor, nn

from maskscope.data import ImageData, Images
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.tasks.task import Part, Scores, Task, uniform_choice

EvaluateOn = Literal["validation", "test"]
# the authors' division of the training images: 48,017 of 60,000 and 40,053 of 50,000 are used for training
_DIVISION_SEED, _VALIDATION_SHARE = 0xC1CAFA52, 0.2
_PADDING = 4
_ITEMS_AT_ONCE = 500
# with more classes, the confusion matrices of all masks would fill most of a record
_MOST_CONFUSED = 20


def divide(images: Images) -> tuple[Images, Images]:
    """Divides images into about four fifths for training and one fifth for validation; the division is always the same.

    Source: the authors' code.
    """
    random = np.random.RandomState(_DIVISION_SEED)
    kept = torch.from_numpy(random.rand(len(images.labels)) > _VALIDATION_SHARE)
    return Images(images.pixels[kept], images.labels[kept]), Images(images.pixels[~kept], images.labels[~kept])


class ImageStore:
    """Images as uint8 on a device; they are normalised when a batch is made.

    Args:
        images: pixels and labels.
        statistics: mean and standard deviation of each channel, for pixels from 0 to 255.
        device: the device of the images.
    """

    def __init__(
        self,
        images: Images,
        statistics: tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]],
        device: torch.device,
    ) -> None:
        self.pixels, self.labels = images.pixels.to(device), images.labels.to(device)
        mean, deviation = statistics
        self._scale, self._shift = (one.to(device, torch.float32)[:, None, None] for one in (1 / deviation, -mean / deviation))

    def __len__(self) -> int:
        return len(self.labels)

    def show(self, chosen: Int64[Tensor, " n"] | slice) -> Float[Tensor, "n channels height width"]:
        """Normalised images."""
        return self._normalised(self.pixels[chosen])

    def show_moved(
        self, chosen: Int64[Tensor, " n"], offsets: Int64[Tensor, "n 2"], mirrored: Bool[Tensor, " n"]
    ) -> Float[Tensor, "n channels height width"]:
        """Normalised random crops: images are padded by four pixels of the mean colour, cropped, and some are mirrored.

        Args:
            chosen: indices of the images.
            offsets: row and column of the upper left corner of each crop, 0 to 8.
            mirrored: whether each image is mirrored, left to right.
        """
        height, width = self.pixels.shape[2:]
        device = self.pixels.device
        rows = offsets[:, :1] + torch.arange(height, device=device)
        columns = torch.arange(width, device=device)
        columns = offsets[:, 1:] + torch.where(mirrored[:, None], columns.flip(0), columns)
        inside = self._is_inside(rows, height)[:, :, None] & self._is_inside(columns, width)[:, None]
        rows, columns = (rows - _PADDING).clamp(0, height - 1), (columns - _PADDING).clamp(0, width - 1)
        moved = self.pixels[chosen[:, None, None], :, rows[:, :, None], columns[:, None]].movedim(3, 1)
        return self._normalised(moved) * inside[:, None]

    @staticmethod
    def _is_inside(places: Tensor, size: int) -> Tensor:
        return (places >= _PADDING) & (places < size + _PADDING)

    def _normalised(self, pixels: UInt8[Tensor, "n channels height width"]) -> Tensor:
        return torch.addcmul(self._shift, pixels.to(torch.float32), self._scale)


def statistics_of(images: Images) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    """Mean and standard deviation of each channel over all images, for pixels from 0 to 255; computed from a histogram."""
    values = torch.arange(256, dtype=torch.float64)
    counts = torch.stack(
        [torch.bincount(images.pixels[:, channel].flatten(), minlength=256) for channel in range(images.pixels.shape[1])]
    ).double()
    shares = counts / counts.sum(1, keepdim=True)
    mean = shares @ values
    return mean, (shares @ values.square() - mean.square()).clamp_min(1e-12).sqrt()


class ImageClasses(Task):
    """Classification of images; a function is the recognition of one class.

    Masks are found for sets of classes (``sought``), each with the training images of its set only. Accuracy is always measured
    on each class of the evaluation images, with the outputs of all classes.

    Args:
        data: the images.
        sought: for the name of each mask, the classes with whose images the mask is found.
        evaluate_on: ``validation``: `divide` the training images; ``test``: train on all of them, evaluate on the official test
            images.
        augment: whether training images are cropped at random (four pixels of padding) and mirrored.
        device: the device of the images.
        channels_last: whether batches have the memory format ``torch.channels_last``.
        mixed_precision: whether `loss` runs the network under bfloat16 autocast.
    """

    def __init__(
        self,
        data: ImageData,
        sought: Mapping[str, Sequence[str]],
        *,
        evaluate_on: EvaluateOn = "validation",
        augment: bool = False,
        device: torch.device | str = "cpu",
        channels_last: bool = False,
        mixed_precision: bool = False,
    ) -> None:
        self.device, self.augment = torch.device(device), augment
        self._classes, self._mask_targets = data.classes, {name: tuple(classes) for name, classes in sought.items()}
        for unknown in (one for classes in self._mask_targets.values() for one in classes if one not in data.classes):
            raise UnknownNameError(f"class of {data.name}", unknown, data.classes)
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._mixed = mixed_precision
        train, held_out = divide(data.train) if evaluate_on == "validation" else (data.train, data.test)
        statistics = statistics_of(train)
        self._train = ImageStore(train, statistics, self.device)
        self._evaluation = ImageStore(held_out, statistics, self.device)
        self._members = {name: self._require_members(data, train, classes) for name, classes in self._mask_targets.items()}
        self._members[self.whole] = torch.arange(len(train.labels))
        self._require_members(data, held_out, data.classes)

    @property
    def functions(self) -> tuple[str, ...]:
        """The classes."""
        return self._classes

    @property
    def mask_targets(self) -> tuple[str, ...]:
        """See `Task.mask_targets`."""
        return tuple(self._mask_targets)

    @property
    def sizes(self) -> tuple[int, int]:
        """Channels and classes."""
        return self._train.pixels.shape[1], len(self._classes)

    @property
    def evaluation_items(self) -> int:
        """The number of evaluation images."""
        return len(self._evaluation)

    def batches(self, function: str, items: int, seed: int) -> Callable[[int], Part]:
        """See `Task.batches`."""
        self.require(function)
        members = self._members[function]
        choose = uniform_choice(items, len(members), seed)
        members = members.to(self.device)
        move = uniform_choice(3 * items, 2 * (2 * _PADDING + 1) ** 2, seed + 1) if self.augment else None

        def batch(index: int) -> Part:
            chosen = members[choose(index).to(self.device)]
            labels = self._train.labels[chosen]
            if move is None:
                return Part(self._laid_out(self._train.show(chosen)), labels)
            drawn = move(index).to(self.device).view(3, items)
            offsets = drawn[:2].T % (2 * _PADDING + 1)
            return Part(self._laid_out(self._train.show_moved(chosen, offsets, drawn[2] % 2 == 1)), labels)

        return batch

    def loss(self, network: nn.Module, part: Part) -> Float[Tensor, ""]:
        """Cross-entropy, averaged over images."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
            scores = network(part.inputs)
        return nn.functional.cross_entropy(scores.float(), part.targets)

    def score(self, run: Callable[[Tensor], Tensor]) -> Scores:
        """Accuracy on the evaluation images of each class, and the confusion of classes, in percent of each true class."""
        count, store = len(self._classes), self._evaluation
        answers = torch.cat(
            [
                run(self._laid_out(store.show(slice(start, start + _ITEMS_AT_ONCE)))).argmax(-1)
                for start in range(0, len(store), _ITEMS_AT_ONCE)
            ]
        )
        table = torch.bincount(store.labels * count + answers, minlength=count * count).view(count, count).double()
        shares = (table / table.sum(1, keepdim=True)).cpu()
        accuracy = {name: float(shares[place, place]) for place, name in enumerate(self._classes)}
        if count > _MOST_CONFUSED:
            return Scores(accuracy)
        confusion = {
            true: {answer: 100 * float(share) for answer, share in zip(self._classes, row, strict=True)}
            for true, row in zip(self._classes, shares, strict=True)
        }
        return Scores(accuracy, confusion)

    def _laid_out(self, images: Tensor) -> Tensor:
        return images.contiguous(memory_format=self._format)

    def _require_members(self, data: ImageData, images: Images, classes: Sequence[str]) -> Tensor:
        numbers = torch.tensor([data.classes.index(name) for name in classes], dtype=torch.long)
        found = torch.isin(images.labels, numbers).nonzero()[:, 0]
        counts = torch.bincount(images.labels, minlength=len(data.classes))
        lacking = [name for name in classes if not counts[data.classes.index(name)]]
        if lacking or not len(classes):
            raise ConfigError(
                f"{data.name} has no images of {', '.join(lacking) or 'any class'} among {len(images.labels)} of them: too few "
                "for this study. `maskscope data check` shows what the files contain."
            )
        return found


def without_each(classes: Sequence[str], removed: Sequence[str]) -> dict[str, Sequence[str]]:
    """The masks of class removal: for each removed class, the name of the mask and all other classes."""
    return {removal_name(one): [other for other in classes if other != one] for one in removed}


def removal_name(removed: str) -> str:
    """The name of the mask that is found without a class."""
    return f"without-{removed}"
