"""Mask files, as `maskscope mask` is given them."""

from pathlib import Path
from typing import Annotated

import tyro

from maskscope.errors import ConfigError
from maskscope.masks import BinaryMask

Files = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE ...", help="Mask files.")]


def read_masks(files: tuple[Path, ...], name: str, fewest: int, most: int | None) -> dict[str, BinaryMask]:
    """The masks by the names of their files.

    Raises:
        ConfigError: too few files, too many, or one twice.
        FileFormatError: a file is missing, or no mask.
    """
    if not fewest <= len(files) <= (most or len(files)):
        wanted = f"{fewest}" if fewest == most else f"at least {fewest}"
        raise ConfigError(f"`maskscope mask {name}` takes {wanted} mask file(s); found {len(files)}.")
    if twice := [str(file) for place, file in enumerate(files) if file in files[:place]]:
        raise ConfigError(f"`maskscope mask {name}` was given {', '.join(dict.fromkeys(twice))} more than once.")
    return {str(file): BinaryMask.load(file) for file in files}
