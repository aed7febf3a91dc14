"""Files that are whole or absent: atomic writes, checked tensor files, canonical JSON and digests."""

from maskscope.storage.atomic import remove_leftovers, write_bytes, write_folder
from maskscope.storage.canonical import Json, canonical_json, digest, read_json, write_json
from maskscope.storage.tensors import pack_tensors, read_tensors, tensor_digest, unpack_tensors, write_tensors

__all__ = [
    "Json",
    "canonical_json",
    "digest",
    "pack_tensors",
    "read_json",
    "read_tensors",
    "remove_leftovers",
    "tensor_digest",
    "unpack_tensors",
    "write_bytes",
    "write_folder",
    "write_json",
    "write_tensors",
]
