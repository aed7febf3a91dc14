"""Masks from any files, and what to call them."""

from collections.abc import Sequence
from pathlib import Path

from maskscope.atlases.named import AtlasMasks, NamedMask, words_on_units
from maskscope.errors import ConfigError
from maskscope.masks import BinaryMask

_PLAIN = "mask"


def masks_of_files(files: Sequence[Path]) -> AtlasMasks:
    """Masks of one network, named by their files, or by the folders of these where all files have one name.

    Masks that say that they are repeats of one function belong together.

    Args:
        files: mask files.

    Raises:
        ConfigError: no file, or one twice.
        FileFormatError: a file is missing, or no mask.
        MaskMismatchError: the masks are of different networks.
    """
    if twice := [str(file) for place, file in enumerate(files) if file in files[:place]]:
        raise ConfigError(f"`maskscope atlas` was given {', '.join(dict.fromkeys(twice))} more than once.")
    masks = {file: BinaryMask.load(file) for file in files}
    titles = dict(zip(files, _titles(files), strict=True))
    counted: dict[str, int] = {}
    named = []
    for file, mask in masks.items():
        function = _function_of(mask, masks) or titles[file]
        named.append(NamedMask(function, counted.get(function, 0), mask))
        counted[function] = counted.get(function, 0) + 1
    return AtlasMasks("Masks of a network", words_on_units(list(masks.values())), tuple(named))


def _titles(files: Sequence[Path]) -> list[str]:
    stems = [file.stem for file in files]
    parents = [file.resolve().parent.name for file in files]
    for names in (stems, parents):
        if len(set(names)) == len(names) and names != [_PLAIN]:
            return names
    return [str(file) for file in files]


def _function_of(mask: BinaryMask, masks: dict[Path, BinaryMask]) -> str:
    """The function of a mask, if there are repeats of it among the masks; else empty."""
    mine = _noise(mask)
    alike = [other for other in map(_noise, masks.values()) if other and mine and other["mask"] == mine["mask"]]
    differ = {(one.get("repeat"), one.get("seed")) for one in alike}
    return str(mine["mask"]) if mine and len(alike) > 1 and len(differ) == len(alike) else ""


def _noise(mask: BinaryMask) -> dict[str, object]:
    """What a mask says of the random stream that it was found with: function, seed, repeat."""
    noise = mask.made_by.get("noise")
    return noise if isinstance(noise, dict) and isinstance(noise.get("mask"), str) else {}
