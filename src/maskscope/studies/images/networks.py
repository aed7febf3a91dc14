"""The networks of the image studies, and where their images come from."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from maskscope.data import ImageData, load_images
from maskscope.engine.record import DataOrigin
from maskscope.errors import ConfigError
from maskscope.studies.images.spec import ImageSpec
from maskscope.tasks import ImageClasses, Task
from maskscope.zoo import CNN, ResNet

# patterns of the output layer's tensors
OUTPUT = "output.*"


@runtime_checkable
class WithImages(Protocol):
    """Settings that name images."""

    @property
    def data(self) -> str:
        """Which images."""

    @property
    def data_digest(self) -> str:
        """Of their files; empty: whatever is found."""


@lru_cache(maxsize=2)
def images_of(name: str, data_dir: Path | None) -> ImageData:
    """The images of a name; read once in a process."""
    return load_images(name, data_dir)


def pinned_images(spec: WithImages, data_dir: Path | None) -> ImageData:
    """The images of a spec.

    Raises:
        ConfigError: they are not those that the spec was made with.
    """
    data = images_of(spec.data, data_dir)
    if spec.data_digest not in ("", data.digest):
        raise ConfigError(
            f"The images of {spec.data} that were found have digest {data.digest}, but these settings are for "
            f"{spec.data_digest}: the files differ. Name the folder that they were made with by --data-dir, or leave data_digest "
            "empty."
        )
    return data


def images_origin(spec: WithImages, data_dir: Path | None) -> DataOrigin:
    """The files that images are from."""
    images = pinned_images(spec, data_dir)
    return DataOrigin(images.name, images.digest, images.verified)


def image_task(spec: ImageSpec, data: ImageData, sought: dict[str, Sequence[str]], device: torch.device) -> ImageClasses:
    """The task of an image classifier, with the classes that each mask is found with."""
    return ImageClasses(
        data,
        sought,
        evaluate_on=spec.evaluate_on,
        augment=spec.augment,
        device=device,
        channels_last=spec.layout == "channels-last",
        mixed_precision=spec.mixed_precision,
    )


def image_network(spec: ImageSpec, task: Task) -> nn.Module:
    """The classifier of a spec, initialised from torch's generator."""
    channels, classes = task.sizes
    network: nn.Module
    if spec.network in ("cnn", "cnn-no-dropout"):
        network = CNN(classes, channels, dropout=spec.network == "cnn")
    else:
        network = ResNet(int(spec.network.removeprefix("resnet")), classes, channels)
    layout = torch.channels_last if spec.layout == "channels-last" else torch.contiguous_format
    moved: nn.Module = network.to(task.device, memory_format=layout)  # type: ignore[call-overload]
    return moved
