"""Files that are either complete or absent: atomic writes, tensor files with checksums, canonical JSON and digests."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maskscope.storage.atomic import remove_leftovers, unfinished_name, write_bytes, write_file, write_folder
from maskscope.storage.canonical import Json, canonical_json, digest, read_json, write_json
from maskscope.storage.paths import user_path
from maskscope.storage.reading import LONGEST_JSON, open_plain, parse_json, read_plain, read_plain_json

if TYPE_CHECKING:
    from maskscope.storage.byte_vectors import ByteVectors, open_vectors, write_vectors
    from maskscope.storage.tensors import pack_tensors, read_tensors, tensor_digest, unpack_tensors, write_tensors

__all__ = [
    "LONGEST_JSON",
    "ByteVectors",
    "Json",
    "canonical_json",
    "digest",
    "open_plain",
    "open_vectors",
    "pack_tensors",
    "parse_json",
    "read_json",
    "read_plain",
    "read_plain_json",
    "read_tensors",
    "remove_leftovers",
    "tensor_digest",
    "unfinished_name",
    "unpack_tensors",
    "user_path",
    "write_bytes",
    "write_file",
    "write_folder",
    "write_json",
    "write_tensors",
    "write_vectors",
]


def __getattr__(name: str) -> Any:
    """What needs numpy or torch is imported when it is asked for: torch takes seconds to load."""
    if name in __all__:
        module = "byte_vectors" if "ectors" in name else "tensors"
        return globals().setdefault(name, getattr(import_module(f"maskscope.storage.{module}"), name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
