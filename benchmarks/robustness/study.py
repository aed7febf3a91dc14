"""A small study, as `maskscope run` does it, and what of it has to be equal however often it was disturbed."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskscope.engine.artefact import MADE
from maskscope.errors import FileFormatError
from maskscope.storage import canonical_json, read_json

# Smoke presets that need no files: networks of each kind, in seconds.
STUDIES = {
    "addition-multiplication": ("addition-multiplication", "--preset", "smoke"),
    "addition-multiplication-lstm": ("addition-multiplication", "--network", "lstm", "--preset", "smoke"),
    "double-addition": ("double-addition", "--preset", "smoke"),
    "scan": ("scan", "--network", "transformer", "--preset", "smoke"),
    "mathematics": ("mathematics", "--preset", "smoke"),
}


@dataclass(frozen=True)
class Case:
    """A run to disturb.

    Args:
        words: of the command after ``maskscope run``, without ``--out`` and ``--threads``.
        pages: whether figures, tables and the page are made too, which takes longer than all the rest.
    """

    words: tuple[str, ...]
    pages: bool = False

    def arguments(self, folder: Path) -> list[str]:
        """Of the command ``maskscope``, for a run folder."""
        return ["run", *self.words, "--threads", "1", "--out", str(folder)]


@dataclass(frozen=True)
class Outcome:
    """A line of the table at the end: what was tried how often, what came out, and what of it must not be."""

    what: str
    tried: int
    came_out: str
    faults: tuple[str, ...] = ()


def finished(folder: Path) -> dict[str, bytes]:
    """The artefacts that are done, by name, with what each says of its files."""
    made = (folder / "artefacts").glob(f"[!.]*/{MADE}")
    return {file.parent.name: file.read_bytes() for file in made}


def lost(before: Mapping[str, bytes], folder: Path) -> list[str]:
    """Which artefacts that were done are gone or others now."""
    after = finished(folder)
    return [f"{name} was lost or changed" for name, made in before.items() if after.get(name) != made]


def contents(folder: Path) -> dict[str, str]:
    """Everything that a finished run has and that may not depend on how often it was stopped, by name.

    That is the record and the content of every artefact, less the times. Names of artefacts end in an identity that covers
    the time at which the artefacts before them were made; it is left out.
    """
    found = {"record.json": _without_seconds(folder / "record.json")}
    for file in (folder / "artefacts").glob("[!.]*/*"):
        if file.name != MADE:
            name = f"{file.parent.name.rpartition('-')[0]}/{file.name}"
            same = _without_seconds(file) if file.name == "record.json" else hashlib.sha256(file.read_bytes()).hexdigest()
            found[name] = same
    return found


def differences(folder: Path, undisturbed: dict[str, str]) -> list[str]:
    """What a finished run lacks, has too much or has otherwise, and what is left over of its work."""
    try:
        mine = contents(folder)
    except (FileFormatError, OSError) as error:
        return [f"no finished run: {error}"]
    differing = sorted(name for name in {*mine, *undisturbed} if mine.get(name) != undisturbed.get(name))
    return [f"{name} differs" for name in differing] + leftovers(folder, checkpoints=True)


def leftovers(folder: Path, *, checkpoints: bool = False) -> list[str]:
    """Files that are half written, and the saved state of stages that are done."""
    kept = [file for file in (folder / "checkpoints").glob("*") if checkpoints]
    half = [Path(place, name) for place, folders, files in os.walk(folder) for name in folders + files if ".unfinished-" in name]
    return [f"{path.relative_to(folder)} was left" for path in (*kept, *half)]


def _without_seconds(file: Path) -> str:
    body: Any = read_json(file)
    body.pop("seconds", None)
    body.get("provenance", {}).pop("seconds", None)
    return canonical_json(body)
