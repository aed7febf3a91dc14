"""Stages and what they leave behind. An artefact is a folder, written once and whole; if it exists, it is done.

Its name ends in its identity: a digest of the stage's kind, version and settings, and of every byte of the artefacts it was
made from, the time of their making included. So when one is deleted or changed, exactly what depends on it is made again. Where
and with how many workers a stage ran is no part of its identity.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from maskscope.errors import FileFormatError
from maskscope.storage import Json, digest, write_folder, write_json


@dataclass(frozen=True)
class Artefact:
    """A finished stage: its folder, and a digest of every byte in it."""

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

    def folder(self, run: Path, inputs: Mapping[str, Artefact]) -> Path:
        """Where the artefact is, or will be."""
        return run / "artefacts" / f"{self.name}-{self.identity(inputs)}"


def make(
    stage: Stage, run: Path, inputs: Mapping[str, Artefact], work: Callable[[Path, Path], None], announce: Callable[[str], None]
) -> Artefact:
    """The stage's artefact: as it is if it exists, else made by ``work(folder, checkpoint)``.

    Args:
        stage: what to make.
        run: the run folder.
        inputs: the artefacts that it is made from, by role.
        work: writes the files into a new folder; it may keep its state in the checkpoint file, which is removed at the end.
        announce: is told in words what happens.
    """
    path = stage.folder(run, inputs)
    if not path.exists():
        announce(stage.name)
        checkpoint = checkpoint_path(stage, run, inputs)
        with write_folder(path) as folder:
            work(folder, checkpoint)
            made = {"kind": stage.kind, "version": stage.version, "settings": stage.settings, "made_at_ns": time.time_ns()}
            write_json(folder / "made.json", made | {"from": {role: one.path.name for role, one in inputs.items()}})
        checkpoint.unlink(missing_ok=True)
    return Artefact(path, _content_digest(path))


def checkpoint_path(stage: Stage, run: Path, inputs: Mapping[str, Artefact]) -> Path:
    """Where a stage that is under way keeps its state."""
    return run / "checkpoints" / f"{stage.folder(run, inputs).name}.safetensors"


def existing(stage: Stage, run: Path, inputs: Mapping[str, Artefact]) -> Artefact | None:
    """The stage's artefact if it is done, else None."""
    path = stage.folder(run, inputs)
    return Artefact(path, _content_digest(path)) if path.exists() else None


def _content_digest(path: Path) -> str:
    if not path.is_dir():
        raise FileFormatError(f"{path} is not an artefact folder. Delete it and run again.")
    result = hashlib.sha256()
    for file in sorted(path.iterdir()):
        result.update(f"{file.name}\0".encode())
        result.update(hashlib.sha256(file.read_bytes()).digest())
    return result.hexdigest()
