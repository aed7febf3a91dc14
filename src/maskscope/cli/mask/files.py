"""Mask files, as `maskscope mask` is given them; and how far the reading of large ones is."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from maskscope.errors import ConfigError
from maskscope.masks import MaskFile

Files = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE ...", help="Mask files.")]
_LARGE = 64 * 2**20  # bytes; fewer are read at once


def read_masks(files: tuple[Path, ...], name: str, fewest: int, most: int | None) -> dict[str, MaskFile]:
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
    with reading("reading", files) as advance:
        return {str(file): MaskFile.open(file, advance=advance) for file in files}


@contextmanager
def reading(label: str, files: Iterable[Path | str]) -> Iterator[Callable[[int], None] | None]:
    """A block in which files are read once: on a terminal with a bar if they are large, silently elsewhere.

    Args:
        label: what is done.
        files: the files.
    """
    total = sum(file.stat().st_size for file in map(Path, files) if file.is_file())
    if total < _LARGE or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda count: progress.advance(task, count)
