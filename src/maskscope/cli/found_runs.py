"""The runs and sweeps in a folder, as their files say, without loading what made them."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskscope.errors import FileFormatError
from maskscope.storage import read_json
from maskscope.storage.legible import brief, legible

RECORD, SWEEP_RECORD, SETTINGS = "record.json", "sweep.json", "settings.json"
# a run may lie in a folder of a project
_DEPTHS = ("*", "*/*")


@dataclass(frozen=True)
class FoundRun:
    """A run or a sweep that a folder holds.

    Args:
        folder: of the run.
        what: its study; of a sweep, what is varied too.
        preset: that its settings began from.
        networks: how many it has, or was asked for.
        state: in words: done, or how far it is.
        changed: when its last file was written, in seconds since 1970.
    """

    folder: Path
    what: str
    preset: str
    networks: str
    state: str
    changed: float

    @property
    def when(self) -> str:
        """The day and the minute, here."""
        return time.strftime("%d %b %H:%M", time.localtime(self.changed))


def runs_in(folder: Path) -> list[FoundRun]:
    """The runs that a folder holds, the latest first."""
    found = [run for pattern in _DEPTHS for run in _found(folder, pattern)]
    return sorted(found, key=lambda one: -one.changed)


def _found(folder: Path, pattern: str) -> Iterator[FoundRun]:
    for path in sorted(folder.glob(pattern)):
        for name in (RECORD, SWEEP_RECORD, SETTINGS):
            # a point of a sweep is told by its sweep
            if (path / name).is_file() and path.parent.name != "points":
                with suppress(FileFormatError, OSError):
                    yield _run(path, name, read_json(path / name))
                    break


def _run(folder: Path, name: str, body: Any) -> FoundRun:
    if not isinstance(body, dict):
        raise FileFormatError(f"{folder / name} is no record.")
    changed = (folder / name).stat().st_mtime
    what, preset = _text(body.get("experiment")), _text(body.get("preset"))
    if name == SWEEP_RECORD:
        points = body.get("points") or []
        return FoundRun(folder, f"{what}, sweep over {_text(body.get('axis'))}", preset, f"{len(points)} values", "done", changed)
    seeds = body.get("seeds") or []
    if name == RECORD:
        return FoundRun(folder, what, preset, str(len(seeds)), "done", changed)
    parts = [path for path in (folder / "artefacts").glob("seed-*") if path.is_dir()]
    changed = max([changed, *(path.stat().st_mtime for path in parts)])
    of = f" of {body['parts']}" if isinstance(body.get("parts"), int) else ""
    return FoundRun(folder, what, preset, str(len(seeds) or ""), f"{len(parts)}{of} parts", changed)


def _text(value: Any) -> str:
    return brief(legible(value)) if isinstance(value, str) else ""
