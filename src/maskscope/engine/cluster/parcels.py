"""Artefacts as bytes, on their way between machines that share no folder."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from maskscope.engine.artefact import Artefact
from maskscope.storage import write_folder

# seconds after which a folder that was written on another machine is not expected any more; a network file system may take some
_PATIENCE = 60.0
_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class Parcel:
    """A finished artefact: the name of its folder, and the bytes of its files by name."""

    folder: str
    files: Mapping[str, bytes]


def packed(artefact: Artefact) -> Parcel:
    """The bytes of an artefact; what a desktop has put beside its files is left out."""
    files = (file for file in artefact.path.iterdir() if file.is_file() and not file.name.startswith("."))
    return Parcel(artefact.path.name, {file.name: file.read_bytes() for file in files})


def unpack(parcel: Parcel, run: Path) -> None:
    """Writes an artefact whole into a run folder, unless it is there."""
    path = run / "artefacts" / parcel.folder
    if not path.exists():
        with write_folder(path) as folder:
            for name, content in parcel.files.items():
                (folder / Path(name).name).write_bytes(content)


def appears(path: Path, patience: float = _PATIENCE) -> bool:
    """Whether a folder that was finished on another machine is seen on this one, perhaps after a while."""
    until = time.monotonic() + patience
    while not path.exists():
        if time.monotonic() > until:
            return False
        time.sleep(_BETWEEN_LOOKS)
    return True
