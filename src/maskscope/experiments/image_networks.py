"""The networks and tasks of the image studies, and where their images come from."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import nn

from maskscope.data import ImageData, load_images
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.experiments.image_spec import (
    OWN_OUTPUT,
    ClassRemovalSpec,
    ImageNetwork,
    ImageSpec,
    MaskStabilitySpec,
    PermutedImagesSpec,
)
from maskscope.tasks import ImageClasses, PermutedImages, removal_name, without_each
from maskscope.zoo import CNN, MLP, ResNet

OUTPUT = "output"


@lru_cache(maxsize=2)
def images_of(name: str, data_dir: Path | None) -> ImageData:
    """The images of a name; read once in a process."""
    return load_images(name, data_dir)


def pinned_images(spec: ImageSpec | PermutedImagesSpec, data_dir: Path | None) -> ImageData:
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


def make_image_task(spec: ImageSpec, device: torch.device, data_dir: Path | None) -> ImageClasses:
    """The task of an image classifier, with the masks that its study looks for.

    Raises:
        UnknownNameError: a class that there is not.
    """
    data = pinned_images(spec, data_dir)
    sought: dict[str, Sequence[str]] = {}
    if isinstance(spec, MaskStabilitySpec):
        sought |= class_pairs(data.classes, spec)
    if isinstance(spec, ClassRemovalSpec):
        for unknown in (name for name in (*spec.classes, spec.gradient_cosine) if name and name not in data.classes):
            raise UnknownNameError(f"class of {data.name}", unknown, data.classes)
        sought = without_each(data.classes, spec.classes or data.classes)
        if spec.gradient_cosine:
            own = removal_name(spec.gradient_cosine) + OWN_OUTPUT
            sought[own] = without_each(data.classes, [spec.gradient_cosine])[removal_name(spec.gradient_cosine)]
    return ImageClasses(
        data,
        sought,
        evaluate_on=spec.evaluate_on,
        augment=spec.augment,
        device=device,
        channels_last=spec.layout == "channels-last",
        mixed_precision=spec.mixed_precision,
    )


def make_permuted_task(spec: PermutedImagesSpec, device: torch.device, data_dir: Path | None) -> PermutedImages:
    """The tasks of permuted images."""
    return PermutedImages(pinned_images(spec, data_dir), spec.tasks, device)


def class_pairs(classes: tuple[str, ...], spec: MaskStabilitySpec) -> dict[str, tuple[str, ...]]:
    """Pairs of classes drawn without replacement, by name.

    Raises:
        ConfigError: there are not so many.
    """
    every = list(combinations(classes, 2))
    if spec.pairs > len(every):
        raise ConfigError(f"pairs is {spec.pairs}; {len(classes)} classes have {len(every)} pairs.")
    drawn = np.random.default_rng(spec.pairs_seed).choice(len(every), spec.pairs, replace=False)
    return {"-and-".join(every[place]): every[place] for place in sorted(drawn)}


def image_network(name: ImageNetwork, channels: int, classes: int) -> nn.Module:
    """A classifier of images by name."""
    if name in ("cnn", "cnn-no-dropout"):
        return CNN(classes, channels, dropout=name == "cnn")
    return ResNet(int(name.removeprefix("resnet")), classes, channels)


def grown_network(spec: PermutedImagesSpec, task: PermutedImages) -> nn.Module:
    """The network of permuted images, initialised as the authors do, from torch's generator.

    Source: the authors' code (`models/feedforward.py`): Xavier normal with the gain of ReLU, 1 for the last layer; biases 0.
    """
    inputs, outputs = task.sizes
    network = MLP([inputs, *spec.hidden, outputs])
    for place, layer in enumerate(network.layers):
        assert isinstance(layer, nn.Linear)
        gain = 1.0 if place == len(network.layers) - 1 else nn.init.calculate_gain("relu")
        nn.init.xavier_normal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return network.to(task.device)
