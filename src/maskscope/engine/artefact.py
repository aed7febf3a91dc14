"""Stages and what they leave behind. An artefact is a folder, written once and whole; if it exists, it is done.

Its name ends in its identity: a digest of the stage's kind, version and settings, and of every byte of the artefacts it was
made from, the time of their making included. So when one is deleted or changed, exactly what depends on it is made again. Where
and with how many workers a stage ran is no part of its identity.

What an artefact is and which files it has is written in its `MADE`, and checked whenever it is used: a file can be sound in
itself and yet be another artefact's, put there by a copy or a sync that went wrong.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskscope.errors import FileFormatError
from maskscope.storage import Json, canonical_json, digest, open_plain, read_json, write_folder, write_json

MADE = "made.json"
_OWN_KINDS = (".json", ".safetensors")
_BLOCK = 2**20
# no artefact comes near it; a file that only claims to be larger is not read to its end
_LARGEST = 2**40


@dataclass(frozen=True)
class Artefact:
    """A finished stage: its folder, and a digest of every byte of its files."""

    path: Path
    digest: str


@dataclass(frozen=True)
class Stage:
    """A step from settings and earlier artefacts to one artefact.

    Args:
        name: of the folder, unique among the stages of a run.
        kind: what the stage does, for example ``mask``.
        version: raised when the stage's meaning changes, so that old artefacts are made again.
        settings: whatever the result depends on, as JSON.
    """

    name: str
    kind: str
    version: int
    settings: Json

    def identity(self, inputs: Mapping[str, Artefact]) -> str:
        """Twelve hexadecimal digits of the stage's digest."""
        made_from = {role: artefact.digest for role, artefact in inputs.items()}
        return digest([self.kind, self.version, self.settings, made_from])[:12]

    def description(self, inputs: Mapping[str, Artefact]) -> Json:
        """What the artefact says of itself: the stage, and the folders that it was made from."""
        made_from = {role: artefact.path.name for role, artefact in inputs.items()}
        return {"kind": self.kind, "version": self.version, "settings": self.settings, "from": made_from}

    def folder(self, run: Path, inputs: Mapping[str, Artefact]) -> Path:
        """Where the artefact is, or will be."""
        return run / "artefacts" / f"{self.name}-{self.identity(inputs)}"


def make(
    stage: Stage,
    run: Path,
    inputs: Mapping[str, Artefact],
    work: Callable[[Path, Path], None],
    announce: Callable[[str], None],
    company: Sequence[str] = (),
) -> Artefact:
    """The stage's artefact: as it is if it exists, else made by ``work(folder, checkpoint)``.

    Args:
        stage: what to make.
        run: the run folder.
        inputs: the artefacts that it is made from, by role.
        work: writes the files into a new folder; it may keep its state in the checkpoint file, which is removed at the end.
        announce: is told in words what happens.
        company: names of the artefacts that other steps made in the same call. Its last bits may depend on them, so that it says
            so; its identity does not.

    Raises:
        FileFormatError: it exists, and a file is missing, altered, or another artefact's.
    """
    path = stage.folder(run, inputs)
    if not path.exists():
        announce(stage.name)
        checkpoint = checkpoint_path(stage, run, inputs)
        with write_folder(path) as folder:
            work(folder, checkpoint)
            files = {file.name: {"bytes": file.stat().st_size, "sha256": _file_digest(file).hex()} for file in folder.iterdir()}
            itself = {"artefact": path.name, "files": dict(sorted(files.items())), "made_at_ns": time.time_ns()}
            itself |= {"made_with": list(company)} if company else {}
            write_json(folder / MADE, stage.description(inputs) | itself)
        remove_checkpoint(checkpoint)
    return _checked(stage, path, inputs)


def checkpoint_path(stage: Stage, run: Path, inputs: Mapping[str, Artefact]) -> Path:
    """Where a stage that is under way keeps its state."""
    return run / "checkpoints" / f"{stage.folder(run, inputs).name}.safetensors"


def remove_checkpoint(path: Path) -> None:
    """Removes the state of a stage that is done; one that cannot be removed does no harm."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def existing(stage: Stage, run: Path, inputs: Mapping[str, Artefact]) -> Artefact | None:
    """The stage's artefact if it is done, else None.

    Raises:
        FileFormatError: it exists, and a file is missing, altered, or another artefact's.
    """
    path = stage.folder(run, inputs)
    return _checked(stage, path, inputs) if path.exists() else None


def _checked(stage: Stage, path: Path, inputs: Mapping[str, Artefact]) -> Artefact:
    """The artefact in a folder, once it is known to be this stage's, with its own files and all of them.

    What else lies in the folder (a desktop's ``.DS_Store``, notes) is no part of it and is passed over.
    """
    if not path.is_dir():
        raise FileFormatError(f"{path} is not an artefact folder. Delete it and run again.")
    if not (path / MADE).exists():
        raise FileFormatError(f"{path} is not a whole artefact: it has no {MADE}. Delete it and run again.")
    made = read_json(path / MADE)
    if not isinstance(made, dict):
        raise FileFormatError(f"{path / MADE} does not describe an artefact. Delete the folder {path} and run again.")
    expected = stage.description(inputs)
    differing = [key for key in expected if canonical_json(made.get(key)) != canonical_json(expected[key])]
    # An artefact from before its name and its files' digests were written down is taken without them: every file has a checksum
    # of its own, and hours of work would have to be done again. Kind, settings and inputs tell it from others then as well.
    found = made.get("artefact", path.name)
    if found != path.name or differing:
        what = f"the artefact {found}" if found != path.name else f"one of another {', '.join(differing)}"
        raise FileFormatError(
            f"{path} holds {what}: it was moved or copied there. Put it back where it belongs, or delete the folder, and run "
            "again."
        )
    stated = _stated_files(path, made)
    result = hashlib.sha256()
    for name in sorted([*stated, MADE]):
        result.update(f"{name}\0".encode())
        result.update(_file_digest(path / name, stated.get(name)))
    return Artefact(path, result.hexdigest())


def _stated_files(path: Path, made: Json) -> dict[str, Json | None]:
    """The files that make up an artefact, by name, with what is known of them."""
    if "files" not in made:
        own = (file.name for file in path.iterdir() if file.suffix in _OWN_KINDS and not file.name.startswith("."))
        return dict.fromkeys(name for name in own if name != MADE)
    files: Any = made["files"]
    if not isinstance(files, dict) or not all(
        isinstance(one, dict) and isinstance(one.get("bytes"), int) and Path(name).name == name for name, one in files.items()
    ):
        raise FileFormatError(f"{path / MADE} does not say which files the artefact has. Delete the folder {path} and run again.")
    return files


def _file_digest(file: Path, stated: Json | None = None) -> bytes:
    cure = f"Take another copy of the file, or delete the whole folder {file.parent} and run again."
    result = hashlib.sha256()
    with open_plain(file, most=_LARGEST, cure=cure) as (content, size):
        if stated is None or size == stated["bytes"]:
            while block := content.read(_BLOCK):
                result.update(block)
    if stated is not None and result.hexdigest() != stated.get("sha256"):
        raise FileFormatError(
            f"{file} was altered, or is the file of another artefact: it is not the one that {MADE} beside it names. {cure}"
        )
    return result.digest()
