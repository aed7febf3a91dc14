"""IDX files, the format of MNIST: a magic number, the sizes as big-endian integers, then one byte a value.

Source: "The MNIST database of handwritten digits" (LeCun, Cortes, Burges), section "File formats". Of its kinds of values only
unsigned bytes are read.
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
    """The images of an IDX3 file, unpacked.

    Args:
        content: the whole file.
        source: how to name it in an error.
        count: the number of images that is expected.
        shape: channels (one: the format has no more), height and width that are expected.

    Raises:
        FileFormatError: no IDX3 file of unsigned bytes, other sizes, cut short, or with bytes to spare.
    """
    values = _read(content, source, (count, *shape[1:]), "images")
    return values.reshape(count, 1, *shape[1:])


def read_idx_labels(content: bytes, *, source: str, count: int, classes: int) -> Int64[Tensor, "n"]:
    """The labels of an IDX1 file, unpacked.

    Args:
        content: the whole file.
        source: how to name it in an error.
        count: the number of labels that is expected.
        classes: labels are below this.

    Raises:
        FileFormatError: no IDX1 file of unsigned bytes, another size, cut short, with bytes to spare, or a label out of range.
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
    # a copy: torch wants memory that may be written, and the file's bytes may not
    return torch.from_numpy(np.frombuffer(content, dtype=np.uint8, offset=head).copy()).reshape(shape)


def _hint(content: bytes, magic: int) -> str:
    if content[:2] == b"\x1f\x8b":
        return " It is compressed: name it with .gz at the end."
    return " It is an IDX file of another kind: were two files mixed up?" if magic >> 16 == 0 and magic & 0xFF in (1, 3) else ""


def _times(sizes: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in sizes)
