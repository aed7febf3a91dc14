"""A data set in memory: images and labels as tensors, and the digest of the files that they were read from."""

from dataclasses import dataclass

from jaxtyping import Int64, UInt8
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their labels, in the order of the files.

    Args:
        pixels: 0 to 255, as in the files.
        labels: indices into `ImageData.classes`.
    """

    pixels: UInt8[Tensor, "n channels height width"]
    labels: Int64[Tensor, "n"]


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set of images with its classes, in two parts.

    Args:
        name: its name in `DATASETS`.
        classes: the names of the classes, in the order of the labels.
        train: the training images.
        test: the test images.
        verified: whether every uncompressed file has its published checksum.
        digest: SHA-256, in hexadecimal, over the uncompressed bytes of all files in the order of `DataSet.files`. It does not
            depend on the folder or on the compression of the files.
    """

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images
    verified: bool
    digest: str
