"""Tensor files of any size, read and written in blocks: each tensor is a vector of bytes, and none has to fit into memory.

The files are those of `write_tensors`, byte for byte, with the same checksum. The header is read and written here, because the
safetensors library writes only tensors that are in memory, and maps into memory what it reads.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskscope.errors import ConfigError, FileFormatError
from maskscope.storage.atomic import write_file
from maskscope.storage.canonical import Json, canonical_json
from maskscope.storage.reading import open_plain
from maskscope.storage.tensor_header import (
    CURE,
    HEADER_ERRORS,
    KEY,
    LARGEST,
    altered,
    fields_of,
    header_length,
    not_ours,
    other_kind,
    parse_header,
    payload_digest,
    text_of,
)

# As much as a processor's cache holds. Many files can be read side by side.
BLOCK_BYTES = 2**18
_DTYPE = "U8"  # what safetensors calls uint8

Block = NDArray[np.uint8]


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor is in its file.

    Args:
        dtype: as safetensors calls it: ``U8``, ``F32``.
        shape: its shape.
        start: the place of its first byte in the file.
        stop: the place after its last byte.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def is_bytes(self) -> bool:
        """Whether it is a vector of bytes."""
        return self.dtype == _DTYPE and self.shape == (self.stop - self.start,)


@dataclass(frozen=True)
class ByteVectors:
    """A tensor file of which the header was read; vectors are read when they are asked for, in blocks.

    Args:
        path: the file.
        kind: what it contains.
        metadata: what it says beside its tensors. The caller must check the fields.
        tensors: where its tensors are, by name.
        sha256: the checksum that the header states.
        digests: of the tensors, by name, once they were all read (`verified`). Every later reading is held to them.
    """

    path: Path
    kind: str
    metadata: Json
    tensors: Mapping[str, StoredTensor]
    sha256: str
    digests: Mapping[str, str] = field(default_factory=dict)

    def blocks(self, name: str) -> Iterator[Block]:
        """The bytes of a vector in blocks of `BLOCK_BYTES`; the last one may be shorter. None if the vector is empty.

        Raises:
            FileFormatError: the file is not there any more, or was changed since it was verified.
        """
        digest = self._digest(name)
        yield from self._read(name, digest)
        if digest.hexdigest() != self.digests[name]:
            raise FileFormatError(f"{self.path} was changed while it was read. Run the same again.")

    def verified(self, look: Callable[[str, Block], None]) -> "ByteVectors":
        """The same after one reading of the whole file, from its beginning to its end, that compared the checksum.

        Args:
            look: is given the name of each vector and each of its blocks; what it makes of them counts only if no error follows.

        Raises:
            FileFormatError: the content is not that of the checksum.
        """
        digests = {}
        for name in sorted(self.tensors, key=lambda name: self.tensors[name].start):
            digest = self._digest(name)
            for block in self._read(name, digest):
                look(name, block)
            digests[name] = digest.hexdigest()
        if payload_digest(digests, self.kind, self.metadata) != self.sha256:
            raise altered(str(self.path))
        return replace(self, digests=digests)

    def _digest(self, name: str) -> Any:
        return _digest_of_length(self.tensors[name].stop - self.tensors[name].start)

    def _read(self, name: str, digest: Any) -> Iterator[Block]:
        place, most = self.tensors[name], BLOCK_BYTES
        for start in range(place.start, place.stop, most):
            # opened for each block: hundreds of files may be read side by side, and Windows replaces no open file
            with open_plain(self.path, most=LARGEST, cure=CURE) as (file, _):
                file.seek(start)
                block = np.frombuffer(file.read(min(most, place.stop - start)), np.uint8)
            if len(block) != min(most, place.stop - start):
                raise FileFormatError(f"{self.path} was cut short while it was read. {CURE}")
            digest.update(block)
            yield block


def open_vectors(path: Path, *, kind: str) -> ByteVectors:
    """Reads the header of a tensor file. `ByteVectors.verified` then reads the rest, and compares the checksum.

    Args:
        path: the file.
        kind: what it is expected to contain.

    Raises:
        FileFormatError: missing, cut short, not written by `write_tensors` or `write_vectors`, or of another kind. A tensor may
            be of another form than a vector of bytes; the caller must look.
    """
    with open_plain(path, most=LARGEST, cure=CURE) as (file, size):
        try:
            content = file.read(8)
            content += file.read(header_length(content, size))
            header = parse_header(content, size)
            text = header.pop("__metadata__")[KEY]
            found, metadata, stated = fields_of(text)
            tensors = _tensors(header, len(content), size) if found == kind else {}
        except HEADER_ERRORS as error:
            raise not_ours(str(path), error) from error
    if found != kind:
        raise other_kind(str(path), found, kind)
    if canonical_json({"kind": found, "metadata": metadata, "sha256": stated}) != text:
        raise altered(str(path))
    return ByteVectors(path, kind, metadata, tensors, stated)


def write_vectors(
    path: Path, lengths: Mapping[str, int], blocks: Callable[[str], Iterable[Block]], *, kind: str, metadata: Json
) -> None:
    """Writes a tensor file of vectors of bytes, whole or not at all.

    Args:
        path: the file.
        lengths: how many bytes each vector has, by name.
        blocks: gives the bytes of a vector, in blocks of any lengths. The vectors are asked for in the order of their names.
        kind: what the file contains.
        metadata: anything that can be written as JSON.

    Raises:
        ConfigError: the metadata cannot be written as JSON, a name cannot be written to a file, or a vector has another length.
        RunFolderError: the folder cannot be written, or the disk is full.
    """
    digests = dict.fromkeys(sorted(lengths), "")
    header = _header(lengths, text_of(kind, metadata, digests))
    with write_file(path) as file:
        file.write(header)
        for name in digests:
            digest, written = _digest_of_length(lengths[name]), 0
            for block in blocks(name):
                digest.update(block)
                written += file.write(block.data)
            if written != lengths[name]:
                raise ConfigError(f"{path} was not written: {name} has {lengths[name]:,} bytes, but {written:,} were given.")
            digests[name] = digest.hexdigest()
        # the checksum is known only now; the text is as long as before
        file.seek(0)
        file.write(_header(lengths, text_of(kind, metadata, digests)))


def _digest_of_length(length: int) -> Any:
    """The beginning of `tensor_digest` of a vector of bytes."""
    return hashlib.sha256(f"torch.uint8{(length,)}".encode())


def _header(lengths: Mapping[str, int], text: str) -> bytes:
    """The header of a safetensors file, as that library writes it."""
    entries: dict[str, Any] = {"__metadata__": {KEY: text}}
    start = 0
    for name in sorted(lengths):
        stop = start + lengths[name]
        entries[name] = {"dtype": _DTYPE, "shape": [lengths[name]], "data_offsets": [start, stop]}
        start = stop
    content = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    return len(content).to_bytes(8, "little") + content


def _tensors(header: Mapping[str, Any], begin: int, size: int) -> dict[str, StoredTensor]:
    """The tensors that a header describes: one after the other, they fill the file from ``begin`` to its end."""
    found = {name: _tensor(name, entry, begin) for name, entry in header.items()}
    stop = begin
    for name, tensor in sorted(found.items(), key=lambda item: (item[1].start, item[1].stop)):
        if tensor.start != stop or tensor.stop < tensor.start:
            raise ValueError(f"its tensors do not follow each other: {name[:80]!r} is from {tensor.start:,} to {tensor.stop:,}")
        stop = tensor.stop
    if stop != size:
        raise ValueError(f"its tensors end at byte {stop:,}, the file at {size:,}")
    return found


def _tensor(name: str, entry: Any, begin: int) -> StoredTensor:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [start, stop], **more} if not more:
            if all(type(number) is int and number >= 0 for number in (*shape, start, stop)):
                return StoredTensor(dtype, tuple(shape), begin + start, begin + stop)
    raise ValueError(f"its header does not say where {name[:80]!r} is")
