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

from maskscope.errors import ConfigError, FileFormatError
from maskscope.storage.atomic import write_bytes
from maskscope.storage.canonical import Json, canonical_json
from maskscope.storage.reading import LONGEST_JSON, parse_json, read_plain

_KEY = "maskscope"
# A file is read into memory as a whole. Anything larger would not fit into the memory of a machine that could use it.
_LARGEST = 64 * 2**30
# The history of a mask (`made_by`) nests two levels for each operation on masks.
_DEEPEST = 512

_CURE = (
    "Take another copy, or delete it and make it again (if a run made it: delete its whole folder under artefacts/, or its file "
    "under checkpoints/, and run again)."
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
    try:
        # one key only: safetensors keeps metadata in a hash map, whose order is not fixed between processes
        text = canonical_json({"kind": kind, "metadata": metadata, "sha256": _payload_digest(plain, kind, metadata)})
        parse_json(text, source=f"The metadata of this {kind}", deepest=_DEEPEST)
        _require_names(plain)
    except (FileFormatError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"This {kind} cannot be written so that it could be read again: {error}") from error
    return safetensors.torch.save(plain, metadata={_KEY: text})


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
        text = _header_text(content)
        found, metadata, stated = _fields(text)
        tensors = _tensors(content) if found == kind else {}
        same = _payload_digest(tensors, kind, metadata) == stated
    # AttributeError and RuntimeError: torch does not know this dtype; RecursionError is a RuntimeError
    except (
        *(FileFormatError, safetensors.SafetensorError, ArithmeticError, AttributeError),
        *(LookupError, RuntimeError, TypeError, ValueError),
    ) as error:
        why = str(error).rstrip(".") or type(error).__name__
        raise FileFormatError(
            f"{source} is not a maskscope tensor file, or it is cut short or altered: {why[:300]}. {_CURE}"
        ) from error
    except MemoryError as error:
        raise FileFormatError(f"{source} has {len(content):,} bytes, more than there is memory for.") from error
    if found != kind:
        raise FileFormatError(f"{source} holds a {found[:80]!r}; a {kind!r} was expected.")
    if not same or canonical_json({"kind": found, "metadata": metadata, "sha256": stated}) != text:
        raise FileFormatError(f"{source} was altered: its content does not match its own checksum. {_CURE}")
    return tensors, metadata


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, kind: str, metadata: Json) -> None:
    """Writes a tensor file whole or not at all; the arguments are those of `pack_tensors`."""
    write_bytes(path, pack_tensors(tensors, kind=kind, metadata=metadata))


def read_tensors(path: Path, *, kind: str) -> tuple[dict[str, Tensor], Json]:
    """Reads a tensor file.

    Raises:
        FileFormatError: missing, truncated, altered, not written by `write_tensors`, or of another kind.
    """
    return unpack_tensors(read_plain(path, most=_LARGEST, cure=_CURE), kind=kind, source=str(path))


def _header_text(content: bytes) -> str:
    """The text that `pack_tensors` put into the header of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise ValueError("it ends before its own header does")
    if length > LONGEST_JSON:
        raise ValueError(f"its header has {length:,} bytes")
    header = parse_json(content[8 : 8 + length], source="its header", deepest=_DEEPEST)
    noted = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(noted, dict) or set(noted) != {_KEY} or not isinstance(noted[_KEY], str):
        raise ValueError("it was written by another program")
    return str(noted[_KEY])


def _fields(text: str) -> tuple[str, Json, str]:
    noted = parse_json(text, source="its metadata", deepest=_DEEPEST)
    if not isinstance(noted, dict) or set(noted) != {"kind", "metadata", "sha256"}:
        raise ValueError("its header does not have kind, metadata and sha256")
    if not isinstance(noted["kind"], str) or not isinstance(noted["metadata"], dict) or not isinstance(noted["sha256"], str):
        raise ValueError("its kind, metadata or sha256 has a wrong type")
    return noted["kind"], noted["metadata"], noted["sha256"]


def _tensors(content: bytes) -> dict[str, Tensor]:
    tensors = safetensors.torch.load(content)
    for name, tensor in tensors.items():
        # torch accepts any byte as a bool, and then computes wrong sums and comparisons
        if tensor.dtype == torch.bool and tensor.numel() and int(tensor.view(torch.uint8).max()) > 1:
            raise ValueError(f"{name[:80]!r} holds bytes that are neither true nor false")
    return tensors


def _require_names(tensors: Mapping[str, Tensor]) -> None:
    for name in tensors:
        if name == "__metadata__":  # safetensors would write such a file but could not read it
            raise ValueError("a tensor is called '__metadata__'")
        name.encode()


def _payload_digest(tensors: Mapping[str, Tensor], kind: str, metadata: Json) -> str:
    names = {name: tensor_digest(tensor) for name, tensor in tensors.items()}
    return hashlib.sha256(canonical_json([kind, metadata, names]).encode()).hexdigest()
