"""Masks in shards: a folder with one file for each process, which any other number of processes can read.

A file holds, as a mask file does (`maskscope.masks.bits.file_format`), one bit for each weight, but only for this process's
ranges of the weights. Its metadata say which these are, and a digest of all bits tells the files of one mask from those of
another. torch's own distributed checkpoints would also do, with a byte for each bit, and with a pickle, which may hold code.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskscope.errors import FileFormatError, MaskscopeError, RunFolderError
from maskscope.masks.bits import MaskedWeight
from maskscope.masks.bits.packing import packed, unpacked
from maskscope.masks.shards.processes import Processes
from maskscope.storage import Json, read_tensors, tensor_digest, write_folder, write_tensors

_KIND = "mask-shard"
_VERSION = 1
_CURE = "Take another copy of the folder, or save the mask again."
_NOT_SHARED = "Cannot save the mask to {}: it is not the same folder for all processes. Name one on a disk that all of them see."


@dataclass(frozen=True)
class Range:
    """The row-major elements ``begin`` to ``begin + count - 1`` of a weight."""

    begin: int
    count: int


@dataclass(frozen=True)
class MaskHeader:
    """What every file of a mask says about all of it.

    Args:
        tensors: for each weight its whole shape, and its dtype and digest, which may be None.
        made_by: how the mask was made.
    """

    tensors: Mapping[str, Json]
    made_by: Json

    @property
    def known(self) -> dict[str, MaskedWeight]:
        """The dtypes and digests of the weights."""
        return {name: MaskedWeight(entry["dtype"], entry["weights_sha256"]) for name, entry in self.tensors.items()}


def write_shards(
    folder: Path, bits: Mapping[str, Tensor], ranges: Mapping[str, Range], header: MaskHeader, processes: Processes
) -> None:
    """Writes a folder, whole or not at all: every process writes a file, and the first gives the folder its name.

    Args:
        folder: must not exist yet.
        bits: of this process, by dotted name.
        ranges: which elements of the weights these are, by dotted name.
        header: the same in every process.
        processes: the processes.

    Raises:
        RunFolderError: the folder exists, cannot be written, or is not the same for all processes.
    """
    stored = {name: _in_bytes(one) for name, one in bits.items()}
    mine = {name: tensor_digest(one) for name, one in stored.items()}
    metadata: Json = {
        "version": _VERSION,
        "mask": hashlib.sha256(repr(processes.gathered(mine)).encode()).hexdigest(),
        "process": processes.rank,
        "processes": processes.size,
        "tensors": dict(header.tensors),
        "ranges": {name: [one.begin, one.count] for name, one in ranges.items()},
        "made_by": header.made_by,
    }
    error: Exception | None = None
    try:
        with ExitStack() as stack:
            where = _place(folder, stack, processes)
            processes.raise_together(_tried(where / _file_name(processes), stored, metadata))
            there = len(list(where.glob("mask-*.safetensors")))
            processes.raise_together(None if there == processes.size else RunFolderError(_NOT_SHARED.format(folder)))
    except MaskscopeError as failure:  # in all processes; or in the first alone, when it gives the folder its name
        error = failure
    processes.raise_together(error)


def _place(folder: Path, stack: ExitStack, processes: Processes) -> Path:
    """The unfinished folder that the first process made, and that it renames when the stack is closed without an error."""
    made, error = None, None
    if processes.is_first:
        try:
            if folder.exists():
                raise RunFolderError(f"Cannot save the mask to {folder}: it exists. Name a new folder.")
            made = stack.enter_context(write_folder(folder))
        except MaskscopeError as failure:
            error = failure
    where = processes.gathered(made)[0]
    processes.raise_together(error)
    assert isinstance(where, Path)
    processes.raise_together(None if where.is_dir() else RunFolderError(_NOT_SHARED.format(folder)))
    return where


def read_shards(folder: Path) -> MaskHeader:
    """What the files of a folder say about the whole mask.

    Raises:
        FileFormatError: a file is missing, damaged, or of another mask.
    """
    _, metadata = next(_files(folder))
    return MaskHeader(metadata["tensors"], metadata["made_by"])


def read_ranges(folder: Path, wanted: Mapping[str, Range]) -> dict[str, Tensor]:
    """Some elements of the mask, by dotted name, from the files that have them. One file is in memory at a time.

    Raises:
        FileFormatError: a file is missing, damaged, or of another mask; or no file has some of the elements.
    """
    found = {name: torch.zeros(one.count, dtype=torch.bool) for name, one in wanted.items()}
    missing = {name: one.count for name, one in wanted.items()}
    for stored, metadata in _files(folder):
        for name, mine in wanted.items():
            begin, count = metadata["ranges"][name]
            first, end = max(begin, mine.begin), min(begin + count, mine.begin + mine.count)
            if first < end:
                found[name][first - mine.begin : end - mine.begin] = _bits(stored[name], first - begin, end - begin)
                missing[name] -= end - first
    if short := [name for name, count in missing.items() if count]:
        raise FileFormatError(f"{folder}: no file has all bits of {', '.join(short)}. {_CURE}")
    return found


def _files(folder: Path) -> Iterator[tuple[dict[str, Tensor], Json]]:
    """The files of a folder one after the other, each checked."""
    paths = sorted(folder.glob("mask-*.safetensors"))
    if not paths:
        raise FileFormatError(f"{folder} has no files of a mask in shards (mask-*-of-*.safetensors). Name another folder.")
    first: Json | None = None
    for path in paths:
        stored, metadata = read_tensors(path, kind=_KIND)
        if metadata.get("version") != _VERSION:
            raise FileFormatError(f"{path} has another version than {_VERSION}; update maskscope.")
        if fault := _fault(stored, metadata):
            raise FileFormatError(f"{path}: {fault}. {_CURE}")
        first = metadata if first is None else first
        if any(metadata[key] != first[key] for key in ("mask", "processes", "tensors", "made_by")):
            raise FileFormatError(f"{path} belongs to another mask than {paths[0].name}. {_CURE}")
        if metadata["processes"] != len(paths):
            raise FileFormatError(f"{folder} has {len(paths)} of {metadata['processes']} files. {_CURE}")
        yield stored, metadata


def _fault(stored: Mapping[str, Tensor], metadata: Json) -> str | None:
    """What is wrong with the content of a file, whose checksum is right."""
    fields = {"version", "mask", "process", "processes", "tensors", "ranges", "made_by"}
    if set(metadata) != fields or not all(isinstance(metadata[key], dict) for key in ("tensors", "ranges", "made_by")):
        return f"its metadata are not {', '.join(sorted(fields))}"
    if not set(stored) == set(metadata["ranges"]) == set(metadata["tensors"]):
        return "the tensors stored are not those that its metadata describe"
    for name, entry in metadata["tensors"].items():
        shape = entry.get("shape") if isinstance(entry, dict) else None
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape) or set(entry) != _ENTRY:
            return f"{name} is not described by {', '.join(sorted(_ENTRY))}"
        match metadata["ranges"][name]:
            case [int(begin), int(count)] if begin >= 0 <= count and begin + count <= torch.Size(shape).numel():
                if stored[name].dtype != torch.uint8 or stored[name].shape != ((count + 7) // 8,):
                    return f"{name} has not one bit for each of {count} weights"
            case _:
                return f"{name} has no range of weights"
    return None


_ENTRY = {"shape", "dtype", "weights_sha256"}


def _tried(path: Path, stored: Mapping[str, Tensor], metadata: Json) -> Exception | None:
    try:
        write_tensors(path, stored, kind=_KIND, metadata=metadata)
    except MaskscopeError as error:
        return error
    return None


def _file_name(processes: Processes) -> str:
    return f"mask-{processes.rank:05}-of-{processes.size:05}.safetensors"


def _in_bytes(bits: Tensor) -> Tensor:
    blocks = list(packed([bits]))
    return torch.from_numpy(np.concatenate(blocks)) if blocks else torch.empty(0, dtype=torch.uint8)


def _bits(stored: Tensor, first: int, end: int) -> Tensor:
    """The bits ``first`` to ``end - 1``; only the bytes that hold them are unpacked."""
    skipped = first // 8 * 8
    return unpacked([stored[skipped // 8 : -(-end // 8)].numpy()], end - skipped)[first - skipped :]
