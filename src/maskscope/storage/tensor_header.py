"""What stands in the header of a tensor file: its kind, metadata, and a digest of all names, dtypes, bytes and metadata."""

import hashlib
from collections.abc import Mapping
from typing import Any

from maskscope.errors import ConfigError, FileFormatError
from maskscope.storage.canonical import Json, canonical_json
from maskscope.storage.reading import LONGEST_JSON, parse_json

KEY = "maskscope"
# Files but masks are read into memory as a whole. Anything larger would not fit into a machine that could use it.
LARGEST = 64 * 2**30
# The history of a mask (`made_by`) nests two levels for each operation on masks.
_DEEPEST = 512

CURE = (
    "If the path is right, take another copy, or make it again (if a run made it: delete its whole folder under artefacts/, or "
    "its file under checkpoints/, and run again)."
)
# what a header that is cut short or altered can raise while it is read; RecursionError is a RuntimeError
HEADER_ERRORS = (FileFormatError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def text_of(kind: str, metadata: Json, digests: Mapping[str, str]) -> str:
    """The text to be written into the header of a safetensors file: one that can be read again.

    Args:
        kind: what the file contains.
        metadata: anything that can be written as JSON.
        digests: of the tensors (`tensor_digest`), by name. The length of the text does not depend on them.

    Raises:
        ConfigError: the metadata cannot be written as JSON, or a tensor name cannot be written to a file.
    """
    try:
        sha256 = payload_digest(digests, kind, metadata)
        text = canonical_json({"kind": kind, "metadata": metadata, "sha256": sha256})
        parse_json(text, source=f"The metadata of this {kind}", deepest=_DEEPEST)
        for name in digests:
            if name == "__metadata__":  # safetensors would write such a file but could not read it
                raise ValueError("a tensor is called '__metadata__'")
            name.encode()
    except (FileFormatError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"This {kind} cannot be written so that it could be read again: {error}") from error
    return text


def parse_header(content: bytes, size: int) -> dict[str, Any]:
    """The header of a safetensors file of ours, with the description of every tensor.

    Args:
        content: the file, at least from its beginning to the end of its header.
        size: of the whole file, in bytes.

    Raises:
        ValueError: it ends before its header does, or another program wrote it.
        FileFormatError: the header is no JSON.
    """
    length = header_length(content, size)
    header = parse_json(content[8 : 8 + length], source="its header", deepest=_DEEPEST)
    noted = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(noted, dict) or set(noted) != {KEY} or not isinstance(noted[KEY], str):
        raise ValueError("it was written by another program")
    assert isinstance(header, dict)
    return header


def header_length(content: bytes, size: int) -> int:
    """The length of a header in bytes, from the first 8 bytes of a file.

    Raises:
        ValueError: the file is too short for it, or it is too long.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > size - 8:
        raise ValueError("it ends before its own header does")
    if length > LONGEST_JSON:
        raise ValueError(f"its header has {length:,} bytes")
    return length


def fields_of(text: str) -> tuple[str, Json, str]:
    """Kind, metadata and digest from the text that `text_of` made.

    Raises:
        ValueError: it is not of that form.
    """
    noted = parse_json(text, source="its metadata", deepest=_DEEPEST)
    if not isinstance(noted, dict) or set(noted) != {"kind", "metadata", "sha256"}:
        raise ValueError("its header does not have kind, metadata and sha256")
    if not isinstance(noted["kind"], str) or not isinstance(noted["metadata"], dict) or not isinstance(noted["sha256"], str):
        raise ValueError("its kind, metadata or sha256 has a wrong type")
    return noted["kind"], noted["metadata"], noted["sha256"]


def payload_digest(digests: Mapping[str, str], kind: str, metadata: Json) -> str:
    """The digest of a whole file, from those of its tensors (`tensor_digest`) by name."""
    return hashlib.sha256(canonical_json([kind, metadata, dict(digests)]).encode()).hexdigest()


def not_ours(source: str, error: BaseException) -> FileFormatError:
    """The error for a file whose form is wrong."""
    why = str(error).rstrip(".") or type(error).__name__
    return FileFormatError(f"{source} is not a maskscope tensor file, or it is cut short or altered: {why[:300]}. {CURE}")


def other_kind(source: str, found: str, kind: str) -> FileFormatError:
    """The error for a file of another kind."""
    return FileFormatError(f"{source} holds a {found[:80]!r}; a {kind!r} was expected.")


def altered(source: str) -> FileFormatError:
    """The error for a file whose content is not that of its digest."""
    return FileFormatError(f"{source} was altered: its content does not match its own checksum. {CURE}")
