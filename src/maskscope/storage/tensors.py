"""Tensor files that check themselves: safetensors with a digest of all names, kinds, bytes and metadata inside.

Safetensors holds no code, so reading a hostile file can at worst fail. It does not notice a flipped bit; the digest does.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from maskscope.errors import FileFormatError
from maskscope.storage.atomic import write_bytes
from maskscope.storage.canonical import Json, canonical_json

_CURE = (
    "Take another copy, or delete it and make it again (if a run made it: delete its whole folder under artefacts/, or its file "
    "under checkpoints/, and run again)."
)


def tensor_digest(tensor: Tensor) -> str:
    """SHA-256 over the kind, shape and row-major bytes of a tensor, in hexadecimal."""
    result = hashlib.sha256(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    result.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return result.hexdigest()


def pack_tensors(tensors: Mapping[str, Tensor], *, kind: str, metadata: Json) -> bytes:
    """The bytes of a tensor file.

    Args:
        tensors: by name, any shapes and dtypes.
        kind: what the file is, for example ``"mask"``; `unpack_tensors` asks for the same.
        metadata: anything that JSON can hold.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(tensors.items())}
    # one key only: safetensors keeps metadata in a hash map, whose order is not fixed between processes
    header = {"kind": kind, "metadata": metadata, "sha256": _payload_digest(plain, kind, metadata)}
    return safetensors.torch.save(plain, metadata={"maskscope": canonical_json(header)})


def unpack_tensors(content: bytes, *, kind: str, source: str) -> tuple[dict[str, Tensor], Json]:
    """Tensors and metadata from the bytes of a tensor file.

    Args:
        content: the whole file.
        kind: the kind that is expected.
        source: how to name the file in an error.

    Raises:
        FileFormatError: truncated, altered, foreign, or of another kind.
    """
    try:
        tensors = safetensors.torch.load(content)
        length = int.from_bytes(content[:8], "little")
        raw = json.loads(content[8 : 8 + length])["__metadata__"]
        if set(raw) != {"maskscope"}:
            raise KeyError("metadata of another program")
        header = json.loads(raw["maskscope"])
        found, metadata, stated = header["kind"], header["metadata"], header["sha256"]
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise FileFormatError(
            f"{source} is not a maskscope tensor file, or it is cut short or altered: {error}. {_CURE}"
        ) from error
    if found != kind:
        raise FileFormatError(f"{source} holds a {found!r}; a {kind!r} was expected.")
    if _payload_digest(tensors, kind, metadata) != stated or canonical_json(header) != raw["maskscope"]:
        raise FileFormatError(f"{source} was altered: its content does not match its own checksum. {_CURE}")
    return tensors, metadata


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, kind: str, metadata: Json) -> None:
    """Writes a tensor file at once or not at all; the arguments are those of `pack_tensors`."""
    write_bytes(path, pack_tensors(tensors, kind=kind, metadata=metadata))


def read_tensors(path: Path, *, kind: str) -> tuple[dict[str, Tensor], Json]:
    """Reads a tensor file.

    Raises:
        FileFormatError: missing, truncated, altered, foreign, or of another kind.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"Cannot read {path}: {error.strerror}. {_CURE}") from error
    return unpack_tensors(content, kind=kind, source=str(path))


def _payload_digest(tensors: Mapping[str, Tensor], kind: str, metadata: Json) -> str:
    names = {name: tensor_digest(tensor) for name, tensor in tensors.items()}
    return hashlib.sha256(canonical_json([kind, metadata, names]).encode()).hexdigest()
