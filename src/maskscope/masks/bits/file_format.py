"""Mask files: one bit for each unit, in a safetensors file with a checksum.

Each group of units is stored under its name as ``uint8`` of length ceil(n / 8): unit ``i`` in bit ``i mod 8`` (least significant
first) of byte ``i div 8``, padding bits zero. Single weights are in row-major order, under the dotted name of their tensor. The
metadata hold, as JSON, the format version; for each tensor its shape, the dtype of the weights and the SHA-256 of their values;
how the mask was made; from version 2 on the units, and what stands in place of weights that are off; and a SHA-256 over all of
it. docs/mask-files.md is the full description.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from maskscope.errors import ConfigError, FileFormatError
from maskscope.masks.bits.facts import MaskedWeight, MaskFacts
from maskscope.masks.bits.packing import popcount
from maskscope.masks.off import ZERO, Off
from maskscope.masks.units import Layout, UnitGroup, faults_of_groups
from maskscope.storage import ByteVectors, Json, open_vectors, write_vectors
from maskscope.storage.byte_vectors import Block, StoredTensor

VERSION = 2
_MOST_DIMENSIONS = 64  # of numpy and torch
# A few bits may say of how many weights each unit is, but only so many are unpacked: a bool is a byte.
_MOST_WEIGHTS = 2**33
_CURE = "It was not written by maskscope, or altered; take another copy."


def write_mask(path: Path, facts: MaskFacts, packed: Callable[[UnitGroup], Iterable[Block]]) -> None:
    """Writes a mask file, whole or not at all. A mask that version 1 can hold is written so: earlier versions can read it.

    Args:
        path: the file.
        facts: what the mask says beside its bits.
        packed: gives the bits of a group of units, eight a byte, in blocks; padding bits are zero.

    Raises:
        ConfigError: ``made_by`` cannot be written as JSON, or there are too many or too few bits.
        RunFolderError: the folder cannot be written, or the disk is full.
    """
    known = {name: facts.weights.get(name, MaskedWeight()) for name in facts.shapes}
    tensors = {
        name: {"shape": list(facts.shapes[name]), "dtype": one.dtype, "weights_sha256": one.digest} for name, one in known.items()
    }
    metadata: Json = {"version": 1, "tensors": tensors, "made_by": facts.made_by}
    if facts.units or not facts.off.is_zero:
        units = [
            {
                "name": group.name,
                "kind": group.kind,
                "count": group.count,
                "members": [[name, layout.before, layout.units, layout.after] for name, layout in group.members],
            }
            for group in facts.units
        ]
        metadata |= {"version": 2, "units": units, "off": facts.off.as_json()}
    groups = {group.name: group for group in facts.groups}
    lengths = {name: _bytes(group.count) for name, group in groups.items()}
    write_vectors(path, lengths, lambda name: packed(groups[name]), kind="mask", metadata=metadata)


def read_mask(path: Path, advance: Callable[[int], None] | None = None) -> tuple[MaskFacts, ByteVectors, dict[str, int]]:
    """Reads a file that `write_mask` wrote, also one of an earlier version: all of it, for its checksum, but keeps no bits.

    Args:
        path: the file.
        advance: is given the number of bytes of each block that was read.

    Returns:
        What the mask says beside its bits; the file, whose vectors are the bits of the groups of units; and how many units are
        kept in each group.

    Raises:
        FileFormatError: missing, truncated, altered, not a mask file, or written by a later version.
    """
    vectors = open_vectors(path, kind="mask")
    facts = _facts(path, vectors.metadata)
    groups = {group.name: group for group in facts.groups}
    if set(groups) != set(vectors.tensors):
        raise FileFormatError(f"{path}: the tensors stored are not those that its metadata describe. {_CURE}")
    for name, group in groups.items():
        shape = facts.shapes[name] if group.is_single else (group.count,)
        _require_bits(f"{path}: {name}", vectors.tensors[name], shape)
    kept, last = dict.fromkeys(groups, 0), dict.fromkeys(groups, 0)

    def look(name: str, block: Block) -> None:
        kept[name] += popcount(block)
        last[name] = int(block[-1])
        if advance is not None:
            advance(len(block))

    vectors = vectors.verified(look)
    for name, group in groups.items():
        if group.count % 8 and last[name] >> group.count % 8:
            raise FileFormatError(f"{path}: {name}: the padding bits after the last unit are not zero. {_CURE}")
    return facts, vectors, kept


def _facts(path: Path, metadata: Json) -> MaskFacts:
    """What the metadata of a file say of its mask."""
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
    shapes = {name: tuple(entry["shape"]) for name, entry in stated.items()}
    known = {name: MaskedWeight(entry["dtype"], entry["weights_sha256"]) for name, entry in stated.items()}
    weights = {name: weight for name, weight in known.items() if weight != MaskedWeight()}
    return MaskFacts(shapes, weights, made_by, units, off)


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


def _bytes(count: int) -> int:
    return (count + 7) // 8


def _require_bits(where: str, stored: StoredTensor, shape: tuple[int, ...]) -> None:
    expected = _bytes(math.prod(shape))
    if not stored.is_bytes or stored.shape != (expected,):
        found = f"{stored.dtype} {list(stored.shape)}"
        raise FileFormatError(f"{where}: expected {expected} bytes for shape {list(shape)}, found {found}. {_CURE}")
