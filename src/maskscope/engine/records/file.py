"""The file that holds what a run found. It may come from anybody, so that it is read with care; it is replaced with care, too."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from maskscope.engine.address import file_digest, is_file, study_at
from maskscope.engine.claims import verdict_of
from maskscope.engine.folder import RECORD, SETTINGS, SWEEP_RECORD
from maskscope.engine.job import Job
from maskscope.engine.records.earlier_formats import in_present_format
from maskscope.engine.records.record import Record
from maskscope.engine.spec import MOST_FAULTS, from_json, to_json
from maskscope.engine.study import Study
from maskscope.errors import ConfigError, FileFormatError, RunFolderError, StudyFileError, UnknownNameError
from maskscope.storage import Json, read_json, write_json
from maskscope.storage.legible import brief, legible

CURE = "Run again to have it remade."


def load_record(folder: Path, study: Study[Any] | None = None) -> Record:
    """The record of a finished run.

    Args:
        folder: of the run, or its record.
        study: what reads it; None: the study in the table of rooms that it names.

    Raises:
        FileFormatError: there is none, or it is damaged or of another version.
        StudyFileError: it is of a study in a file, which is only run if it is named.
    """
    if holds_sweep(folder):
        raise FileFormatError(f"{folder} holds a sweep, and the record of a single run was expected. `maskscope show` prints it.")
    path = folder / RECORD if os.path.isdir(folder) else folder
    if _is_absent(path):
        raise FileFormatError(
            f"There is no record in {folder}: expected the folder of a finished run, with a {RECORD}. `maskscope run ... --out "
            f"{folder}` makes one, or goes on with an unfinished one."
        )
    return read_record(path, study).completed.in_folder(path.parent)


def read_record(path: Path, study: Study[Any] | None = None) -> Record:
    """A record from its file, whose parts fit together; further as `load_record`."""
    try:
        body = read_json(path, cure=CURE)
        study = _named(study, body, path) if study else reader_of(body, path)
        found = from_json(study.procedure.record, in_present_format(body, study.procedure))
        from_json(study.spec, found.spec)
        faults = [*found.faults, *_faults_of_verdicts(found)]
        if found.experiment != study.name and not study.reader:
            faults.insert(0, f"experiment: {study.name} was expected, but {brief(found.experiment)} was found")
        if faults:
            raise ConfigError("\n  ".join(["Not a valid Record:", *faults[:MOST_FAULTS]]))
    except ConfigError as error:
        raise FileFormatError(f"{path} was written by another version of maskscope. {CURE}\n{error}") from error
    return found


def reader_of(body: Any, path: Path) -> Study[Any]:
    """The study of the table of rooms that reads a record, from its JSON.

    Raises:
        ConfigError: the record names none.
        StudyFileError: it is of a study in a file, which is only run if it is named.
    """
    known = body if isinstance(body, dict) else {}
    address = known.get("study") or known.get("experiment")
    if isinstance(address, str) and is_file(address):
        raise StudyFileError(
            f"{path} is of a study in a file of its own: {legible(address)}. To read the record that file is run. If you trust "
            f"it, name it: maskscope show {path.parent} --study {legible(address)}"
        )
    try:
        return study_at(address if isinstance(address, str) else "")
    except UnknownNameError:
        raise ConfigError(f"Not a valid Record: there is no study {brief(repr(address))}.") from None


def _named(study: Study[Any], body: Any, path: Path) -> Study[Any]:
    """The study that a user named, if it is the record's.

    Raises:
        StudyFileError: the record is of another study.
    """
    of = body.get("experiment") if isinstance(body, dict) else None
    if isinstance(of, str) and of != study.name:
        raise StudyFileError(
            f"{path} is a record of the study {brief(legible(of))}; {study.name} cannot read it. Leave --study out, or name the "
            "file of that study."
        )
    return study


def _faults_of_verdicts(record: Record) -> Iterator[str]:
    for verdict in record.verdicts:
        word = verdict_of(verdict.premises, verdict.conditions)
        if not verdict.conditions:
            yield f"verdicts: {verdict.name}: at least one condition was expected"
        elif verdict.verdict != word:
            yield f"verdicts: {verdict.name}: its conditions make it {word}, but {verdict.verdict} was found"


def holds_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep; a folder that may not be looked into is said to be none, and fails when it is read."""
    return os.path.exists(folder / SWEEP_RECORD)


def begin_settings(folder: Path, job: Job, preset: str, parts: int | None = None) -> None:
    """Writes down what a run is begun with, before any work, so that one that goes on can be compared with it.

    Args:
        folder: of the run.
        job: what is done.
        preset: that its settings began from; told of a run that is not done.
        parts: how many artefacts it will have, if that is known; to say how far it is.
    """
    content = {"experiment": job.study.name, "spec": to_json(job.spec), "study_file": file_digest(job.study.address)}
    told = {"preset": preset, "seeds": list(job.seeds)} | ({} if parts is None else {"parts": parts})
    write_json(folder / SETTINGS, content | told)


def begun(folder: Path, study: str) -> Json:
    """What the run of a folder was begun with: ``spec``, and ``study_file``; empty if it holds nothing that can be read.

    Raises:
        RunFolderError: the folder holds the run of another study.
    """
    for name in (SETTINGS, RECORD):
        with suppress(FileFormatError):
            there = read_json(folder / name)
            settings = there.get("spec") if isinstance(there, dict) else None
            if not isinstance(settings, dict):
                continue
            if there.get("experiment") != study:
                raise RunFolderError(
                    f"{folder} holds a run of {brief(legible(str(there.get('experiment'))))}, and this is one of {study}. Name "
                    "another folder with --out."
                )
            found: Json = there
            return found
    return {}


def require_replaceable(path: Path, announce: Callable[[str], None]) -> None:
    """Refuses, before any work, to replace a file that nothing could make again; says so if the record that is there is damaged.

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
