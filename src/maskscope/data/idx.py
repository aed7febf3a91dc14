"""IDX files, the format of MNIST: a magic number, the sizes as big-endian integers, then one byte for each value.

Source: "The MNIST database of handwritten digits" (LeCun, Cortes, Burges), section "File formats". Only
unsigned bytes are read, not the other data types of the format.
"""

import math
import struct

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from maskscope.errors import FileFormatError

_UNSIGNED_BYTES = 0x0800
_CURE = "Take another copy of the file, or delete it and run `maskscope data fetch`."


def read_idx_images(content: bytes, *, source: str, count: int, shape: tuple[int, int, int]) -> UInt8[Tensor, "n 1 height width"]:
    """Reads the images of an IDX3 file.

    Args:
        content: the whole file, uncompressed.
        source: the name of the file in an error message.
        count: the expected number of images.
        shape: the expected channels (1: the format has no others), height and width.

    Raises:
        FileFormatError: not an IDX3 file of unsigned bytes, with other sizes, cut short, or with bytes after its end.
    """
    values = _read(content, source, (count, *shape[1:]), "images")
    return values.reshape(count, 1, *shape[1:])


def read_idx_labels(content: bytes, *, source: str, count: int, classes: int) -> Int64[Tensor, "n"]:
    """Reads the labels of an IDX1 file.

    Args:
        content: the whole file, uncompressed.
        source: the name of the file in an error message.
        count: the expected number of labels.
        classes: the number of classes; labels must be below it.

    Raises:
        FileFormatError: not an IDX1 file of unsigned bytes, with another size, cut short, with bytes after its end, or with a
            label out of range.
    """
    labels = _read(content, source, (count,), "labels").long()
    if count and int(labels.max()) >= classes:
        place = int((labels >= classes).nonzero()[0])
        raise FileFormatError(f"{source}: label {place} is {int(labels[place])}; expected 0 to {classes - 1}. {_CURE}")
    return labels


def _read(content: bytes, source: str, shape: tuple[int, ...], what: str) -> UInt8[Tensor, "..."]:
    expected = _UNSIGNED_BYTES + len(shape)
    head = 4 + 4 * len(shape)
    if len(content) < 4:
        raise FileFormatError(f"{source} is cut short: {len(content)} bytes; an IDX file has at least {head}. {_CURE}")
    magic = int.from_bytes(content[:4], "big")
    if magic != expected:
        raise FileFormatError(
            f"{source} is no IDX{len(shape)} file of unsigned bytes: it begins with the magic number {magic:#010x}; {what} begin "
            f"with {expected:#010x}.{_hint(content, magic)} {_CURE}"
        )
    if len(content) < head:
        raise FileFormatError(f"{source} is cut short: {len(content)} bytes; its head alone has {head}. {_CURE}")
    found = struct.unpack(f">{len(shape)}I", content[4:head])
    if found != shape:
        raise FileFormatError(f"{source} says that it holds {_times(found)} {what}; expected {_times(shape)}. {_CURE}")
    whole = head + math.prod(shape)
    if len(content) < whole:
        raise FileFormatError(f"{source} is cut short: {len(content)} bytes; expected {whole}. {_CURE}")
    if len(content) > whole:
        raise FileFormatError(f"{source} has {len(content) - whole} bytes after its end; expected {whole} in all. {_CURE}")
    # a copy, because torch needs writable memory and the bytes of the file are read-only
    return torch.from_numpy(np.frombuffer(content, dtype=np.uint8, offset=head).copy()).reshape(shape)


def _hint(content: bytes, magic: int) -> str:
    if content[:2] == b"\x1f\x8b":
        return " It is compressed: name it with .gz at the end."
    return " It is an IDX file of another kind: were two files mixed up?" if magic >> 16 == 0 and magic & 0xFF in (1, 3) else ""


def _times(sizes: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in sizes)
