"""Tensor files with a checksum: safetensors files that contain a digest of all names, dtypes, bytes and metadata.

A safetensors file contains no code, so reading a malicious file can at worst fail. The digest detects flipped bits.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from maskscope.errors import FileFormatError
from maskscope.storage.atomic import write_bytes
from maskscope.storage.canonical import Json, canonical_json
from maskscope.storage.reading import read_plain
from maskscope.storage.tensor_header import (
    CURE,
    HEADER_ERRORS,
    KEY,
    LARGEST,
    altered,
    fields_of,
    not_ours,
    other_kind,
    parse_header,
    payload_digest,
    text_of,
)


def tensor_digest(tensor: Tensor) -> str:
    """SHA-256 over the dtype, shape and row-major bytes of a tensor, in hexadecimal."""
    result = hashlib.sha256(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    result.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return result.hexdigest()


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without shared memory, which safetensors refuses: tied weights are written under each of their names."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr() if tensor.numel() else 0
        found[name] = tensor.clone() if place in seen else tensor
        seen |= {place} - {0}
    return found


def pack_tensors(tensors: Mapping[str, Tensor], *, kind: str, metadata: Json) -> bytes:
    """The bytes of a tensor file.

    Args:
        tensors: by name, any shapes and dtypes.
        kind: what the file contains, for example ``"mask"``; `unpack_tensors` must be given the same.
        metadata: anything that can be written as JSON.

    Raises:
        ConfigError: the metadata cannot be written as JSON, or a tensor name cannot be written to a file.
    """
    plain = _apart({name: tensor.detach().cpu().contiguous() for name, tensor in sorted(tensors.items())})
    # one key only: safetensors keeps metadata in a hash map, whose order is not fixed between processes
    text = text_of(kind, metadata, _digests(plain))
    return safetensors.torch.save(plain, metadata={KEY: text})


def unpack_tensors(content: bytes, *, kind: str, source: str) -> tuple[dict[str, Tensor], Json]:
    """Tensors and metadata from the bytes of a tensor file.

    Args:
        content: the whole file.
        kind: the kind that is expected.
        source: the name of the file in an error message.

    Returns:
        The tensors by name, and the metadata. The caller must check the fields of the metadata.

    Raises:
        FileFormatError: truncated, altered, not written by `pack_tensors`, or of another kind.
    """
    try:
        text = parse_header(content, len(content))["__metadata__"][KEY]
        found, metadata, stated = fields_of(text)
        tensors = _tensors(content) if found == kind else {}
        same = payload_digest(_digests(tensors), kind, metadata) == stated
    # AttributeError and RuntimeError: torch does not know this dtype
    except (*HEADER_ERRORS, safetensors.SafetensorError) as error:
        raise not_ours(source, error) from error
    except MemoryError as error:
        raise FileFormatError(f"{source} has {len(content):,} bytes, more than there is memory for.") from error
    if found != kind:
        raise other_kind(source, found, kind)
    if not same or canonical_json({"kind": found, "metadata": metadata, "sha256": stated}) != text:
        raise altered(source)
    return tensors, metadata


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, kind: str, metadata: Json) -> None:
    """Writes a tensor file whole or not at all; the arguments are those of `pack_tensors`."""
    write_bytes(path, pack_tensors(tensors, kind=kind, metadata=metadata))


def read_tensors(path: Path, *, kind: str) -> tuple[dict[str, Tensor], Json]:
    """Reads a tensor file.

    Raises:
        FileFormatError: missing, truncated, altered, not written by `write_tensors`, or of another kind.
    """
    return unpack_tensors(read_plain(path, most=LARGEST, cure=CURE), kind=kind, source=str(path))


def _tensors(content: bytes) -> dict[str, Tensor]:
    tensors = safetensors.torch.load(content)
    for name, tensor in tensors.items():
        # torch accepts any byte as a bool, and then computes wrong sums and comparisons
        if tensor.dtype == torch.bool and tensor.numel() and int(tensor.view(torch.uint8).max()) > 1:
            raise ValueError(f"{name[:80]!r} holds bytes that are neither true nor false")
    return tensors


def _digests(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: tensor_digest(tensor) for name, tensor in tensors.items()}
