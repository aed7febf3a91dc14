"""Mask files: one bit for each weight, in a safetensors file with a checksum.

Each tensor is stored under its dotted name as ``uint8`` of length ceil(n / 8): the weights in row-major order, weight ``i`` in
bit ``i mod 8`` (least significant first) of byte ``i div 8``, padding bits zero. The metadata hold, as JSON, the format version,
and for each tensor its shape, the dtype of the weights and the SHA-256 of their values; how the mask was made; and a SHA-256 over
all of it. docs/mask-files.md is the full description.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskscope.errors import FileFormatError
from maskscope.storage import Json, read_tensors, write_tensors

VERSION = 1
_MOST_DIMENSIONS = 64  # of numpy and torch
_CURE = "It was not written by maskscope, or altered; take another copy."


def write_bits(path: Path, tensors: Mapping[str, Tensor], weights: Mapping[str, Json], made_by: Json) -> None:
    """Writes a mask file, whole or not at all.

    Args:
        path: the file.
        tensors: bool tensors by dotted name.
        weights: for each name, ``dtype`` and ``weights_sha256`` of the weights; both may be None (not known).
        made_by: how the mask was made.

    Raises:
        RunFolderError: the folder cannot be written, or the disk is full.
    """
    stated = {name: {"shape": list(bits.shape), **weights[name]} for name, bits in tensors.items()}
    metadata = {"version": VERSION, "tensors": stated, "made_by": made_by}
    write_tensors(path, {name: _pack(bits) for name, bits in tensors.items()}, kind="mask", metadata=metadata)


def read_bits(path: Path) -> tuple[dict[str, Tensor], dict[str, Json], Json]:
    """Reads a file that `write_bits` wrote.

    Returns:
        The bool tensors; for each name ``shape``, ``dtype`` and ``weights_sha256`` of the weights; and how the mask was made.

    Raises:
        FileFormatError: missing, truncated, altered, not a mask file, or written by a later version.
    """
    packed, metadata = read_tensors(path, kind="mask")
    version = metadata.get("version")
    if type(version) is not int or version < 1:
        raise FileFormatError(f"{path}: {_shown(version)} is not a version of the mask format. {_CURE}")
    if version != VERSION:
        raise FileFormatError(f"{path} has mask format {version}; this version reads {VERSION}. Update maskscope.")
    stated, made_by = metadata.get("tensors"), metadata.get("made_by")
    if set(metadata) != {"version", "tensors", "made_by"} or not isinstance(stated, dict) or not isinstance(made_by, dict):
        raise FileFormatError(f"{path}: its metadata are not version, tensors and made_by, the last two of named fields. {_CURE}")
    if set(stated) != set(packed):
        raise FileFormatError(f"{path}: the tensors stored are not those that its metadata describe. {_CURE}")
    if faults := [f"{name}: {fault}" for name, entry in stated.items() if (fault := _fault(entry))]:
        raise FileFormatError(f"{path}: {_CURE}\n  " + "\n  ".join(faults))
    tensors = {name: _unpack(packed[name], entry["shape"], f"{path}: {name}") for name, entry in stated.items()}
    return tensors, stated, made_by


def _fault(entry: object) -> str | None:
    """What is wrong with the description of a tensor."""
    if not isinstance(entry, dict) or set(entry) != {"shape", "dtype", "weights_sha256"}:
        return "expected shape, dtype and weights_sha256"
    shape = entry["shape"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        return f"{_shown(shape)} is not a shape"
    # max(1, ...): torch counts empty dimensions as 1 when it computes strides
    if len(shape) > _MOST_DIMENSIONS or math.prod(max(1, size) for size in shape) >= 2**63:
        return f"no tensor has the shape {_shown(shape)}"
    for key in ("dtype", "weights_sha256"):
        if not isinstance(entry[key], str | None):
            return f"{key} is {_shown(entry[key])}; a string or null was expected"
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _pack(bits: Tensor) -> Tensor:
    return torch.from_numpy(np.packbits(bits.cpu().contiguous().reshape(-1).numpy(), bitorder="little"))


def _unpack(packed: Tensor, shape: list[int], where: str) -> Tensor:
    count = math.prod(shape)
    if packed.dtype != torch.uint8 or packed.shape != ((count + 7) // 8,):
        raise FileFormatError(
            f"{where}: expected {(count + 7) // 8} bytes for shape {shape}, found {packed.dtype} {list(packed.shape)}. {_CURE}"
        )
    bits = np.unpackbits(packed.numpy(), bitorder="little")
    if bits[count:].any():
        raise FileFormatError(f"{where}: the padding bits after the last weight are not zero. {_CURE}")
    return torch.from_numpy(bits[:count].astype(bool)).reshape(shape)
