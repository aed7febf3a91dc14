"""The file in which a folder holds what was found: read with care, since it may come from anybody, and replaced with care."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from maskscope.errors import ConfigError, FileFormatError, RunFolderError
from maskscope.experiments.first_format import in_present_format
from maskscope.experiments.floors import with_floors
from maskscope.experiments.folder import RECORD, SWEEP_RECORD
from maskscope.experiments.legible import brief
from maskscope.experiments.record import Record
from maskscope.experiments.record_shape import require_whole
from maskscope.experiments.spec import from_json
from maskscope.storage import Json, read_json

_CURE = "Run again to have it remade."
Value = TypeVar("Value")


def load_record(folder: Path) -> Record:
    """The record of a finished run.

    Raises:
        FileFormatError: there is none, or it is damaged or of another version.
    """
    if holds_sweep(folder):
        raise FileFormatError(f"{folder} holds a sweep, and the record of a single run was expected. `maskscope show` prints it.")
    path = folder / RECORD if os.path.isdir(folder) else folder
    if _is_absent(path):
        raise FileFormatError(
            f"There is no record in {folder}: expected the folder of a finished run, with a {RECORD}. `maskscope run ... --out "
            f"{folder}` makes one, or goes on with an unfinished one."
        )
    record = read_value(Record, path, require_whole)
    # format 1 has no floors by tensor
    return replace(record, networks=with_floors(record.networks))


def read_value(kind: type[Value], path: Path, check: Callable[[Value], None] = lambda found: None) -> Value:
    """A record of some kind, from its file; ``check`` raises `ConfigError` unless its parts fit together.

    Raises:
        FileFormatError: the file is missing, damaged or of another version.
    """
    try:
        found = from_json(kind, in_present_format(read_json(path, cure=_CURE)))
        check(found)
    except ConfigError as error:
        raise FileFormatError(f"{path} was written by another version of maskscope. {_CURE}\n{error}") from error
    return found


def holds_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep; a folder that may not be looked into is said to be none, and fails when it is read."""
    return os.path.exists(folder / SWEEP_RECORD)


def recorded_settings(folder: Path) -> Json:
    """The settings of the run whose record a folder holds; none if it holds none that can be read."""
    try:
        there = read_json(folder / RECORD)
    except FileFormatError:
        return {}
    spec = there.get("spec") if isinstance(there, dict) else None
    return spec if isinstance(spec, dict) else {}


def require_replaceable(path: Path, announce: Callable[[str], None]) -> None:
    """Asks of the file that a new record takes the place of, before any work, whether it can go; says so if it is damaged.

    A record is made of artefacts, so that one that is damaged is worth nothing where these are.

    Raises:
        RunFolderError: it may not be read, or is the only one there is of what it holds.
    """
    if not os.path.lexists(path):
        return
    try:
        if isinstance(read_json(path, cure=""), dict):
            return
        reason = f"{path} holds no record."
    except FileFormatError as error:
        reason = brief(str(error), 300)
    elsewhere = "Move it away, or name another folder with --out."
    if not os.access(path, os.R_OK) and os.path.exists(path):
        raise RunFolderError(f"{path} may not be read: nobody knows what a new record would take the place of. {elsewhere}")
    holds_bytes = os.path.exists(path) and stat.S_ISREG(path.stat().st_mode) and path.stat().st_size > 0
    if holds_bytes and not (path.parent / "artefacts").is_dir():
        raise RunFolderError(
            f"{path} is damaged, or no record of maskscope: {reason} There are no artefacts beside it that it could be made of "
            f"again, and so it is not replaced. {elsewhere}"
        )
    announce(f"The record that is there cannot be used, and is made again from the artefacts: {reason}")


def _is_absent(path: Path) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        raise FileFormatError(f"Cannot look at {path}: {error.strerror}.") from error
    except ValueError:
        raise FileFormatError(f"Cannot look at {str(path)!r}: no file has such a name.") from None
    return False
