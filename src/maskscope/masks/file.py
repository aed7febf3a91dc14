"""Mask files: one bit for each unit, in a safetensors file with a checksum.

Each group of units is stored under its name as ``uint8`` of length ceil(n / 8): unit ``i`` in bit ``i mod 8`` (least significant
first) of byte ``i div 8``, padding bits zero. Single weights are in row-major order, under the dotted name of their tensor. The
metadata hold, as JSON, the format version; for each tensor its shape, the dtype of the weights and the SHA-256 of their values;
how the mask was made; from version 2 on the units, and what stands in place of weights that are off; and a SHA-256 over all of
it. docs/mask-files.md is the full description.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskscope.errors import ConfigError, FileFormatError
from maskscope.masks.off import ZERO, Off
from maskscope.masks.units import Layout, UnitGroup, faults_of_groups, single_weights
from maskscope.storage import Json, read_tensors, write_tensors

VERSION = 2
_MOST_DIMENSIONS = 64  # of numpy and torch
# A few bits may say of how many weights each unit is, but only so many are unpacked: a bool is a byte.
_MOST_WEIGHTS = 2**33
_CURE = "It was not written by maskscope, or altered; take another copy."


@dataclass(frozen=True)
class MaskContent:
    """What a mask file holds.

    Args:
        bits: the bits of each group of units; of single weights, by dotted name.
        tensors: for each tensor, ``shape``, and ``dtype`` and ``weights_sha256`` of the weights; the last two may be None (not
            known).
        made_by: how the mask was made.
        units: the units, if these are not single weights in every tensor; else empty.
        off: what stands in place of weights that are off.
    """

    bits: Mapping[str, Tensor]
    tensors: Mapping[str, Json]
    made_by: Json
    units: tuple[UnitGroup, ...] = ()
    off: Off = field(default=ZERO)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the tensors, by dotted name."""
        return {name: tuple(entry["shape"]) for name, entry in self.tensors.items()}

    @property
    def groups(self) -> tuple[UnitGroup, ...]:
        """The units, in groups; for single weights, a group for each tensor."""
        return self.units or single_weights({name: math.prod(shape) for name, shape in self.shapes.items()})


def write_mask(path: Path, content: MaskContent) -> None:
    """Writes a mask file, whole or not at all. A mask that version 1 can hold is written so: earlier versions can read it.

    Raises:
        RunFolderError: the folder cannot be written, or the disk is full.
    """
    metadata: Json = {"version": 1, "tensors": dict(content.tensors), "made_by": content.made_by}
    if content.units or not content.off.is_zero:
        units = [
            {
                "name": group.name,
                "kind": group.kind,
                "count": group.count,
                "members": [[name, layout.before, layout.units, layout.after] for name, layout in group.members],
            }
            for group in content.units
        ]
        metadata |= {"version": 2, "units": units, "off": content.off.as_json()}
    write_tensors(path, {name: _pack(bits) for name, bits in content.bits.items()}, kind="mask", metadata=metadata)


def read_mask(path: Path) -> MaskContent:
    """Reads a file that `write_mask` wrote, also one of an earlier version.

    Raises:
        FileFormatError: missing, truncated, altered, not a mask file, or written by a later version.
    """
    packed, metadata = read_tensors(path, kind="mask")
    version = metadata.get("version")
    if type(version) is not int or version < 1:
        raise FileFormatError(f"{path}: {_shown(version)} is not a version of the mask format. {_CURE}")
    if version > VERSION:
        raise FileFormatError(f"{path} has mask format {version}; this version reads up to {VERSION}. Update maskscope.")
    fields = {"version", "tensors", "made_by"} | ({"units", "off"} if version == 2 else set())
    stated, made_by = metadata.get("tensors"), metadata.get("made_by")
    if set(metadata) != fields or not isinstance(stated, dict) or not isinstance(made_by, dict):
        raise FileFormatError(f"{path}: its metadata are not {', '.join(sorted(fields))}, or of another form. {_CURE}")
    if faults := [f"{name}: {fault}" for name, entry in stated.items() if (fault := _fault(entry))]:
        raise FileFormatError(f"{path}: {_CURE}\n  " + "\n  ".join(faults))
    units, off = (_units(path, metadata["units"], stated), Off.from_json(metadata["off"])) if version == 2 else ((), ZERO)
    content = MaskContent(packed, stated, made_by, units, off)
    if {group.name for group in content.groups} != set(packed):
        raise FileFormatError(f"{path}: the tensors stored are not those that its metadata describe. {_CURE}")
    shapes = content.shapes
    bits = {
        group.name: _unpack(
            packed[group.name], shapes[group.name] if group.is_single else (group.count,), f"{path}: {group.name}"
        )
        for group in content.groups
    }
    return MaskContent(bits, stated, made_by, units, off)


def _units(path: Path, found: object, stated: Mapping[str, Json]) -> tuple[UnitGroup, ...]:
    """The units that a file states."""
    counts = {name: math.prod(entry["shape"]) for name, entry in stated.items()}
    try:
        units = tuple(_group(entry) for entry in found) if isinstance(found, list) else None
    except ConfigError as error:
        raise FileFormatError(f"{path}: {error} {_CURE}") from error
    if units is None or None in units:
        raise FileFormatError(f"{path}: its units are not a list of name, kind, count and members. {_CURE}")
    groups = tuple(group for group in units if group is not None)
    if groups and (faults := faults_of_groups(groups, counts)):
        raise FileFormatError(f"{path}: its units do not fit its tensors. {_CURE}\n  " + "\n  ".join(faults))
    if groups and sum(counts.values()) > _MOST_WEIGHTS:
        raise FileFormatError(f"{path}: {sum(counts.values()):,} weights in units; at most {_MOST_WEIGHTS:,} are read.")
    return groups


def _group(entry: object) -> UnitGroup | None:
    match entry:
        case {"name": str(name), "kind": str(kind), "count": int(count), "members": list(members), **more} if not more:
            pass
        case _:
            return None
    found = []
    for member in members:
        match member:
            case [str(tensor), int(before), int(units), int(after)]:
                found.append((tensor, Layout(before, units, after)))
            case _:
                return None
    return UnitGroup(name, kind, count, tuple(found)) if type(count) is int else None


def _fault(entry: object) -> str | None:
    """What is wrong with the description of a tensor."""
    if not isinstance(entry, dict) or set(entry) != {"shape", "dtype", "weights_sha256"}:
        return "expected shape, dtype and weights_sha256"
    shape = entry["shape"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        return f"{_shown(shape)} is not a shape"
    # max(1, ...): torch counts empty dimensions as 1 when it computes strides
    if len(shape) > _MOST_DIMENSIONS or math.prod(max(1, size) for size in shape) >= 2**63:
        return f"no tensor has the shape {_shown(shape)}"
    for key in ("dtype", "weights_sha256"):
        if not isinstance(entry[key], str | None):
            return f"{key} is {_shown(entry[key])}; a string or null was expected"
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _pack(bits: Tensor) -> Tensor:
    return torch.from_numpy(np.packbits(bits.cpu().contiguous().reshape(-1).numpy(), bitorder="little"))


def _unpack(packed: Tensor, shape: tuple[int, ...], where: str) -> Tensor:
    count = math.prod(shape)
    if packed.dtype != torch.uint8 or packed.shape != ((count + 7) // 8,):
        raise FileFormatError(
            f"{where}: expected {(count + 7) // 8} bytes for shape {list(shape)}, "
            f"found {packed.dtype} {list(packed.shape)}. {_CURE}"
        )
    bits = np.unpackbits(packed.numpy(), bitorder="little")
    if bits[count:].any():
        raise FileFormatError(f"{where}: the padding bits after the last unit are not zero. {_CURE}")
    return torch.from_numpy(bits[:count].astype(bool)).reshape(shape)
