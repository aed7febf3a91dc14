"""The batch files of CIFAR: Python pickles of a dictionary with an array of bytes and lists of labels.

Source: "Learning Multiple Layers of Features from Tiny Images" (Krizhevsky, 2009) and the page of the data set: a row of the
array is an image, 1024 red values, then green, then blue, each row by row.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Int64
from torch import Tensor

from maskscope.data.images import Images
from maskscope.data.pickles import read_pickle
from maskscope.data.recorded import RecordedArray, short
from maskscope.errors import FileFormatError

_CURE = "Take another copy, or delete it and run `maskscope data fetch`."


def read_batch(content: bytes, *, source: str, count: int, shape: tuple[int, int, int], label_key: str, classes: int) -> Images:
    """Reads the images and labels of a batch file, without running the pickle.

    Args:
        content: the whole file.
        source: the name of the file in an error message.
        count: the expected number of images.
        shape: channels, height and width of an image.
        label_key: the key of the labels in the file.
        classes: the number of classes; labels must be below it.

    Raises:
        FileFormatError: not a batch file, or the number, shape or type of its values is not as expected.
    """
    record = _read_record(content, source, ("data", label_key))
    array = record["data"]
    if not isinstance(array, RecordedArray):
        raise FileFormatError(f"{source}: 'data' is a {type(array).__name__}; expected an array. {_CURE}")
    try:
        values = array.values()
    except ValueError as error:
        raise FileFormatError(f"{source}: 'data' has {error}. {_CURE}") from error
    if values.shape != (count, math.prod(shape)):
        found = " x ".join(str(size) for size in values.shape)
        raise FileFormatError(f"{source}: 'data' is {found}; expected {count} images of {math.prod(shape)} values. {_CURE}")
    pixels = torch.from_numpy(values.copy(order="C")).reshape(count, *shape)
    return Images(pixels, _read_labels(record[label_key], f"{source}: {label_key!r}", count, classes))


def read_class_names(content: bytes, *, source: str, key: str, count: int) -> tuple[str, ...]:
    """Reads the names of the classes from the file that describes the batches, without running the pickle.

    Args:
        content: the whole file.
        source: the name of the file in an error message.
        key: the key of the names in the file.
        count: the expected number of names.

    Raises:
        FileFormatError: not a file of this format, or with another number of names.
    """
    names = _read_record(content, source, (key,))[key]
    if not isinstance(names, list) or len(names) != count or not all(isinstance(name, bytes | str) for name in names):
        found = f"{len(names)} values" if isinstance(names, list) else f"a {type(names).__name__}"
        raise FileFormatError(f"{source}: {key!r} has {found}; expected {count} names. {_CURE}")
    return tuple(_text(name) for name in names)


def _read_record(content: bytes, source: str, keys: tuple[str, ...]) -> Mapping[str, object]:
    try:
        value = read_pickle(content, source=source)
    except FileFormatError as error:
        raise FileFormatError(f"{error} It is not a CIFAR batch and was not executed. {_CURE}") from error.__cause__
    if not isinstance(value, dict):
        raise FileFormatError(f"{source} holds a {type(value).__name__}; expected a dictionary. It is not a CIFAR batch. {_CURE}")
    # Python 2 wrote the keys as bytes
    record = {_text(key): item for key, item in value.items() if isinstance(key, bytes | str)}
    if absent := [key for key in keys if key not in record]:
        raise FileFormatError(
            f"{source} lacks {' and '.join(repr(key) for key in absent)}; "
            f"it has {', '.join(sorted(record)[:12])[:200]}. Is it a batch of "
            f"the other CIFAR? {_CURE}"
        )
    return record


def _read_labels(labels: object, source: str, count: int, classes: int) -> Int64[Tensor, "n"]:
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise FileFormatError(f"{source} is no list of whole numbers. {_CURE}")
    if len(labels) != count:
        raise FileFormatError(f"{source} has {len(labels)} labels; expected {count}. {_CURE}")
    wrong = next((place for place, label in enumerate(labels) if not 0 <= label < classes), None)
    if wrong is not None:
        raise FileFormatError(f"{source}: label {wrong} is {short(labels[wrong])}; expected 0 to {classes - 1}. {_CURE}")
    return torch.tensor(labels, dtype=torch.int64)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
