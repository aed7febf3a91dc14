"""What a data set is once it is read: images and labels as tensors, and which bytes they came from."""

from dataclasses import dataclass

from jaxtyping import Int64, UInt8
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their labels, in the order of the files.

    Args:
        pixels: 0 to 255, as in the files.
        labels: index into `ImageData.classes`.
    """

    pixels: UInt8[Tensor, "n channels height width"]
    labels: Int64[Tensor, "n"]


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set.

    Args:
        name: its name in `DATASETS`.
        classes: the names of the classes, in the order of the labels.
        train: the images to learn from.
        test: the images to be judged by.
        verified: every file, unpacked, has its published checksum.
        digest: SHA-256, in hexadecimal, over the unpacked bytes of all files in the order of `DataSet.files`. It is the same
            wherever the files lie and however they are compressed.
    """

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images
    verified: bool
    digest: str
