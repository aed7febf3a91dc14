"""Mask files: one bit for each weight in a safetensors file that checks itself.

Each tensor is stored under its dotted name as ``uint8`` of length ceil(n / 8): the weights in row-major order, weight ``i`` in
bit ``i mod 8`` (least significant first) of byte ``i div 8``, padding bits zero. The metadata hold, as JSON, the format version,
and for each tensor its shape, the dtype of the weights and the SHA-256 of their values; how the mask was made; and a SHA-256 over
all of it. docs/mask-files.md is the full description.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maskscope.errors import FileFormatError
from maskscope.masks.binary import BinaryMask, MaskedWeight
from maskscope.masks.call import check_mask
from maskscope.storage import read_tensors, write_tensors

VERSION = 1


def save_mask(mask: BinaryMask, path: Path) -> None:
    """Writes a mask, whole or not at all.

    Raises:
        RunFolderError: the folder cannot be written, or the disk is full.
    """
    known = {name: mask.weights.get(name) for name in mask}
    metadata = {
        "version": VERSION,
        "tensors": {
            name: {
                "shape": list(bits.shape),
                "dtype": weight.dtype if weight else None,
                "weights_sha256": weight.digest if weight else None,
            }
            for (name, bits), weight in zip(mask.items(), known.values(), strict=True)
        },
        "made_by": mask.made_by,
    }
    write_tensors(path, {name: _pack(bits) for name, bits in mask.items()}, kind="mask", metadata=metadata)


def load_mask(path: Path, network: nn.Module | None = None) -> BinaryMask:
    """Reads a mask.

    Args:
        path: the file.
        network: if given, names, shapes, dtypes and values of its weights must be those that the mask was found on.

    Raises:
        FileFormatError: missing, truncated, altered, foreign, or written by a later version.
        MaskMismatchError: made for another network; names every difference.
    """
    packed, metadata = read_tensors(path, kind="mask")
    if metadata.get("version") != VERSION:
        raise FileFormatError(
            f"{path} has mask format {metadata.get('version')}; this version reads {VERSION}. Update maskscope."
        )
    stated: dict[str, Any] = metadata["tensors"]
    if set(stated) != set(packed):
        raise FileFormatError(f"{path}: the tensors stored are not those that its metadata describe.")
    tensors = {name: _unpack(packed[name], stated[name]["shape"], f"{path}: {name}") for name in stated}
    weights = {
        name: MaskedWeight(entry["dtype"], entry["weights_sha256"])
        for name, entry in stated.items()
        if entry["dtype"] is not None
    }
    mask = BinaryMask(tensors, weights, metadata["made_by"])
    if network is not None:
        check_mask(network, mask)
    return mask


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
