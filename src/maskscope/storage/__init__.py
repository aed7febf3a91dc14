"""Files that are either complete or absent: atomic writes, tensor files with checksums, canonical JSON and digests."""

from typing import TYPE_CHECKING, Any

from maskscope.storage.atomic import remove_leftovers, write_bytes, write_folder
from maskscope.storage.canonical import Json, canonical_json, digest, read_json, write_json
from maskscope.storage.paths import user_path
from maskscope.storage.reading import LONGEST_JSON, open_plain, parse_json, read_plain, read_plain_json

if TYPE_CHECKING:
    from maskscope.storage.tensors import pack_tensors, read_tensors, tensor_digest, unpack_tensors, write_tensors

__all__ = [
    "LONGEST_JSON",
    "Json",
    "canonical_json",
    "digest",
    "open_plain",
    "pack_tensors",
    "parse_json",
    "read_json",
    "read_plain",
    "read_plain_json",
    "read_tensors",
    "remove_leftovers",
    "tensor_digest",
    "unpack_tensors",
    "user_path",
    "write_bytes",
    "write_folder",
    "write_json",
    "write_tensors",
]


def __getattr__(name: str) -> Any:
    """The functions of tensors are imported when they are asked for: they bring torch, which takes seconds to load."""
    if name in __all__:
        from maskscope.storage import tensors

        return globals().setdefault(name, getattr(tensors, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
