"""The run folder: what lies where in it, whether a run can work there, and that one run at a time does."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from maskscope.errors import FileFormatError, RunFolderError
from maskscope.storage import read_json, remove_leftovers

RECORD, SWEEP_RECORD, SETTINGS = "record.json", "sweep.json", "settings.json"
_PAGE = "report.html"
_FOLDERS = ("artefacts", "checkpoints", "tables", "figures")
_LOCK, _WORKER_LOCK = ".lock", re.compile(r"\.lock-worker-[0-9]+")
# seconds that a run waits for workers that lost their parent: they end at the next step, once its state is written
_PATIENCE = 60.0


def require_room(folder: Path, record: str) -> None:
    """Raises `RunFolderError` if it can be seen that a run, or a sweep, could not end well in a folder.

    Args:
        folder: the run folder; it need not be there.
        record: the name of the record that will be written, `RECORD` or `SWEEP_RECORD`.
    """
    other = SWEEP_RECORD if record == RECORD else RECORD
    try:
        if (folder / other).exists():
            raise RunFolderError(
                f"{folder} holds {_contents(folder, other)}, which a {'run' if record == RECORD else 'sweep'} there would hide, "
                "and whose page it would replace. Name another folder with --out."
            )
        files = (folder / record, folder / SETTINGS, folder / _PAGE)
        wrong = [f"{file.name} is {'a folder' if file.is_dir() else 'no file'}" for file in files if _is_odd(file)]
        for name in _FOLDERS:
            path = folder / name
            if os.path.lexists(path) and not path.is_dir():
                wrong.append(f"{name} is no folder")
            elif path.is_dir() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                wrong.append(f"{name} may not be written")
    except OSError as error:
        raise RunFolderError(f"Cannot read the run folder {folder}: {error.strerror}. Name another with --out.") from error
    if wrong:
        raise RunFolderError(
            f"{folder} cannot hold a {'run' if record == RECORD else 'sweep'}: {', '.join(wrong)}. Move that away, or name "
            "another folder with --out."
        )


def require_file(path: Path, option: str) -> None:
    """Raises `RunFolderError` if it can be seen that a file cannot be written.

    Args:
        path: of the file.
        option: what the user named it by.
    """
    near = path.parent
    while not near.exists() and near != near.parent:
        near = near.parent
    if path.is_dir() or not near.is_dir() or not os.access(near, os.W_OK | os.X_OK):
        what = "it is a folder" if path.is_dir() else f"{near} is no folder that you may write to"
        raise RunFolderError(f"Cannot write {path}: {what}. Name another file with {option}.")


@contextmanager
def locked(folder: Path, announce: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """A block in which no other process may run in this folder. It is made; what dead processes left unfinished is removed.

    Args:
        folder: the run folder.
        announce: is told if workers of an earlier run have to be waited for.

    Raises:
        RunFolderError: another process runs there, or it cannot be written.
    """
    with _lock(folder, folder / _LOCK):
        for path in sorted(folder.iterdir()):
            if _WORKER_LOCK.fullmatch(path.name):
                _wait_for_worker(folder, path, announce)
        for own in (folder, *(folder / name for name in _FOLDERS)):
            remove_leftovers(own)
        yield


@contextmanager
def locked_by_worker(folder: Path, number: int) -> Iterator[None]:
    """A block in which a worker is at work in a folder: should its parent die, the next run waits until it has ended.

    Raises:
        RunFolderError: another worker of that number is at work there.
    """
    with _lock(folder, folder / f".lock-worker-{number}"):
        yield


@contextmanager
def _lock(folder: Path, path: Path, patience: float = 0.0) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        lock.acquire(timeout=patience)
    except filelock.Timeout as error:
        raise RunFolderError(
            f"Another process is running in {folder}. Wait for it, or name another folder with --out."
        ) from error
    except OSError as error:
        raise RunFolderError(f"Cannot write the run folder {folder}: {error.strerror}. Name another with --out.") from error
    try:
        yield
    finally:
        lock.release()


def _wait_for_worker(folder: Path, path: Path, announce: Callable[[str], None]) -> None:
    try:
        with _lock(folder, path):
            return
    except RunFolderError:
        announce(f"A worker of an earlier run in {folder} is still saving its state; waiting for it.")
    with _lock(folder, path, _PATIENCE):
        pass


def _is_odd(file: Path) -> bool:
    """A folder cannot be replaced; a named pipe or a device can, and is the user's."""
    return file.exists() and not file.is_file()


def _contents(folder: Path, record: str) -> str:
    """What a record is of, in words."""
    try:
        body: Any = read_json(folder / record)
    except FileFormatError:
        body = None
    known = body if isinstance(body, dict) else {}
    if record == SWEEP_RECORD:
        return f"the record of a sweep ({known.get('sweep', 'damaged')}, {record})"
    return f"the record of a run ({known.get('experiment', 'damaged')}, {record})"
