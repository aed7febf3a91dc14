"""Bakes a mask into stored weights, without the network's code: what is not a masked weight is copied as it is."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from torch import Tensor

from maskscope.errors import MaskMismatchError
from maskscope.exchange.destination import require_free
from maskscope.exchange.stored_names import Copies, StoredNames, find_names
from maskscope.exchange.weight_files import WeightFiles, find_weights, metadata_of
from maskscope.masks import Mask, Off, masked_weights
from maskscope.storage import write_bytes, write_folder

# Other forms of the same weights, which would still be those without the mask.
_OTHER_WEIGHTS = frozenset(
    (".bin", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".ot", ".pt", ".pth", ".safetensors", ".tflite")
)


@dataclass(frozen=True)
class Baked:
    """What was written.

    Args:
        where: the file or folder.
        names: the stored names of the tensors that were masked.
        left_out: files of a folder that were not copied, because they hold the weights without the mask.
    """

    where: Path
    names: tuple[str, ...]
    left_out: tuple[str, ...]


def bake_files(
    mask: Mask,
    weights: Path,
    out: Path,
    *,
    check: bool = True,
    copies: Copies = "refuse",
    off_weights: Path | None = None,
    force: bool = False,
) -> Baked:
    """Writes stored weights anew, with those outside the mask off; whole or not at all. Dtypes stay as they are.

    Args:
        mask: the mask, in memory or in its file, of which a tensor is read at a time.
        weights: a safetensors file, or a ``from_pretrained`` folder; the same kind is written.
        out: the file or folder to write.
        check: whether dtypes and values must be those that the mask was found on.
        copies: what to do with a tensor that holds the values of a masked one under another name, and may be tied to it: refuse,
            mask it as well, or keep it.
        off_weights: for masks whose off-values are those of another network, its weights: a file or a folder.
        force: whether a file that is there may be replaced.

    Raises:
        ConfigError: there is something at ``out`` already.
        FileFormatError: the weights are missing or no safetensors.
        MaskMismatchError: the mask is of other weights, or ``copies`` has to be said.
        RunFolderError: ``out`` cannot be written.
    """
    require_free(out, force=force)
    found = find_weights(weights)
    names = find_names(found, mask, check=check)
    off = mask.off if off_weights is None else _off_values(off_weights, mask)
    masked = {stored: name for name, group in names.names.items() for stored in group} | _decided(names, copies)
    left_out: list[str] = []
    if found.is_folder:
        with write_folder(out) as folder:
            left_out = _copy_rest(found, folder)
            for path in found.files:
                (folder / path.name).write_bytes(_masked_file(path, mask, off, masked))
    else:
        write_bytes(out, _masked_file(weights, mask, off, masked))
    return Baked(out, tuple(sorted(masked)), tuple(left_out))


def _decided(names: StoredNames, copies: Copies) -> dict[str, str]:
    """The copies that are masked too, with the mask's name."""
    if names.copies and copies == "refuse":
        lines = "\n  ".join(f"{stored} holds the values of {name}" for stored, name in names.copies.items())
        raise MaskMismatchError(
            f"Tensors that the mask does not name hold the values of tensors that it masks:\n  {lines}\n"
            "If they are one weight in the network (tied), mask both: --copies mask. If they are two: --copies keep."
        )
    return dict(names.copies) if copies == "mask" else {}


def _masked_file(path: Path, mask: Mask, off: Off, masked: dict[str, str]) -> bytes:
    tensors = safetensors.torch.load_file(path)
    for stored, name in masked.items():
        if stored in tensors:
            tensors[stored] = _under(mask, off, name, tensors[stored])
    return safetensors.torch.save(tensors, metadata=metadata_of(path))


def _under(mask: Mask, off: Off, name: str, weight: Tensor) -> Tensor:
    one = {name: weight}
    return masked_weights(one, {name: mask[name]}, off.of(one))[name]


def _off_values(path: Path, mask: Mask) -> Off:
    found: WeightFiles = find_weights(path)
    names = find_names(found, mask, check=False).names
    off = Off.other({name: found.read(stored[0]) for name, stored in names.items()})
    mask.off.require_same_state(off)
    return off


def _copy_rest(weights: WeightFiles, folder: Path) -> list[str]:
    """Copies the other files of a folder; returns the names of those that are left out."""
    mine, left_out = set(weights.files), []
    for path in sorted(weights.root.rglob("*")):
        place = path.relative_to(weights.root)
        if path in mine or not path.is_file() or any(part.startswith(".") for part in place.parts):
            continue
        if path.suffix.lower() in _OTHER_WEIGHTS:
            left_out.append(str(place))
            continue
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / place)
    return left_out
