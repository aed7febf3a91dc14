"""Mask files: one bit for each weight in a safetensors file that checks itself.

Each tensor is stored under its dotted name as ``uint8`` of length ceil(n / 8): the weights in row-major order, weight ``i`` in
bit ``i mod 8`` (least significant first) of byte ``i div 8``, padding bits zero. The metadata hold, as JSON, the format version,
and for each tensor its shape, the dtype of the weights and the SHA-256 of their values; how the mask was made; and a SHA-256 over
all of it. docs/mask-files.md is the full description.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskscope.errors import FileFormatError
from maskscope.storage import Json, read_tensors, write_tensors

VERSION = 1


def write_bits(path: Path, tensors: Mapping[str, Tensor], weights: Mapping[str, Json], made_by: Json) -> None:
    """Writes bits, whole or not at all.

    Args:
        path: the file.
        tensors: bool tensors by dotted name.
        weights: for each name what is known of the weights: ``dtype`` and ``weights_sha256``, each of which may be None.
        made_by: how the mask came about.

    Raises:
        RunFolderError: the folder cannot be written, or the disk is full.
    """
    stated = {name: {"shape": list(bits.shape), **weights[name]} for name, bits in tensors.items()}
    metadata = {"version": VERSION, "tensors": stated, "made_by": made_by}
    write_tensors(path, {name: _pack(bits) for name, bits in tensors.items()}, kind="mask", metadata=metadata)


def read_bits(path: Path) -> tuple[dict[str, Tensor], dict[str, Json], Json]:
    """Reads what `write_bits` wrote: tensors, what is known of the weights, how the mask came about.

    Raises:
        FileFormatError: missing, truncated, altered, foreign, or written by a later version.
    """
    packed, metadata = read_tensors(path, kind="mask")
    if metadata.get("version") != VERSION:
        raise FileFormatError(
            f"{path} has mask format {metadata.get('version')}; this version reads {VERSION}. Update maskscope."
        )
    stated: dict[str, Json] = metadata["tensors"]
    if set(stated) != set(packed):
        raise FileFormatError(f"{path}: the tensors stored are not those that its metadata describe.")
    tensors = {name: _unpack(packed[name], entry["shape"], f"{path}: {name}") for name, entry in stated.items()}
    return tensors, stated, metadata["made_by"]


def _pack(bits: Tensor) -> Tensor:
    return torch.from_numpy(np.packbits(bits.cpu().contiguous().reshape(-1).numpy(), bitorder="little"))


def _unpack(packed: Tensor, shape: list[int], where: str) -> Tensor:
    count = torch.Size(shape).numel()
    if packed.dtype != torch.uint8 or packed.shape != ((count + 7) // 8,):
        raise FileFormatError(
            f"{where}: expected {(count + 7) // 8} bytes for shape {shape}, found {packed.dtype} {list(packed.shape)}."
        )
    bits = np.unpackbits(packed.numpy(), bitorder="little")
    if bits[count:].any():
        raise FileFormatError(f"{where}: the padding bits after the last weight are not zero.")
    return torch.from_numpy(bits[:count].astype(bool)).reshape(shape)
