"""Atomic writing: a file or folder is written under a unique temporary name in the same folder, synced, then renamed."""

import errno
import hashlib
import io
import os
import platform
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from maskscope.errors import RunFolderError

# Unfinished files are called .NAME.unfinished-HOST-PROCESS-START-RANDOM, so that nobody removes a file that a running process
# still writes. START tells a process from an earlier one with the same number: in a container, a program is often number 1.
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_START = uuid.uuid4().hex[:8]
_TEMPORARY_NAME = re.compile(
    r"\..+\.unfinished-(?P<host>[0-9a-f]{8})-(?P<process>[0-9]{1,10})-(?P<start>[0-9a-f]{8})-[0-9a-f]{8}", re.DOTALL
)
# how much of a long name is kept, so that the whole temporary name fits into the 255 bytes that file systems allow
_CHARACTERS_KEPT = 40
# errors that do not occur with another path
_PATH_ERRORS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EIO, errno.ENXIO, errno.EINVAL),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP),
}
# errors that occur with any path
_LIMIT_ERRORS = {
    errno.EFBIG: "The file is larger than a limit allows: see `ulimit -f`.",
    errno.EMFILE: "This process may not open more files: see `ulimit -n`.",
    errno.ENFILE: "This machine has too many files open: close some programs.",
    errno.ENOMEM: "There is not enough memory.",
}


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old content or the new, never a part.

    Raises:
        RunFolderError: the folder cannot be written, the disk is full, or the path leads to something that is not a file. The old
            content is kept.
    """
    with write_file(path) as file:
        file.write(content)


@contextmanager
def write_file(path: Path) -> Iterator[io.BufferedWriter]:
    """A ``with`` block that writes a file in parts; a reader sees it when the block ends without an error.

    Raises:
        RunFolderError: as for `write_bytes`. The old content is kept, also after an error in the block.
    """
    _require_file_or_nothing(path)
    temporary = unfinished_name(path)
    with _explained(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                yield file
                file.flush()
                _sync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """A ``with`` block that fills a temporary folder; the folder is renamed to ``path`` when the block ends without an error.

    If another process has finished the same folder meanwhile, its folder stays and this one is deleted.

    Raises:
        RunFolderError: the folder cannot be written, or the disk is full; nothing is left behind.
    """
    temporary = unfinished_name(path)
    with _explained(path):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            for file in (one for one in temporary.rglob("*") if one.is_file()):
                with file.open("rb") as handle:
                    _sync(handle.fileno())
            _take_name(temporary, path)
            _sync_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Removes unfinished files and folders that dead processes left directly in a folder. Folders inside it are not searched.

    Those of a process on another machine stay: this machine cannot know whether that process is still running.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        for leftover in list(folder.iterdir()):
            name = _TEMPORARY_NAME.fullmatch(leftover.name)
            if name is None or _may_live(name["host"], int(name["process"]), name["start"]):
                continue
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                with suppress(OSError):  # a leftover only takes space
                    leftover.unlink()


def unfinished_name(path: Path) -> Path:
    """A new name beside a path, for what this process writes or works in; when it is dead, `remove_leftovers` removes that."""
    process = f"{_HOST}-{os.getpid()}-{_START}-{uuid.uuid4().hex[:8]}"
    return path.with_name(f".{path.name[:_CHARACTERS_KEPT]}.unfinished-{process}")


def _may_live(host: str, process: int, start: str) -> bool:
    if host != _HOST or os.name == "nt":  # on Windows, signal 0 is Ctrl-C
        return True
    if process == os.getpid():
        return start == _START
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it runs, and belongs to another user
        return True
    return True


def _take_name(temporary: Path, path: Path) -> None:
    try:
        temporary.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not path.is_dir():
            raise


def _require_file_or_nothing(path: Path) -> None:
    """Refuses a path to anything but a file: a rename would also replace a named pipe, or /dev/null."""
    if path.is_dir():
        raise RunFolderError(f"Cannot write {path}: it is a folder. Name a file, for example one in it: {path / 'NAME'}.")
    if path.exists() and not path.is_file():
        raise RunFolderError(f"Cannot write {path}: it is a pipe, a socket or a device. Name another file.")


def _sync_folder(folder: Path) -> None:
    """Makes a rename survive a power cut, if the file system can do that. The file itself is already on the disk."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written but not listed; any folder on Windows
        return
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> None:
    """``fsync``, where the file system supports it: many network shares do not for folders, and some do not at all."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunFolderError(
                f"The disk is full: {path} was not written; the files that were there before are unchanged. "
                "Free some space and run the same command again; it continues where it stopped."
            ) from error
        if error.errno in _LIMIT_ERRORS:
            raise RunFolderError(f"Cannot write {path}: {error.strerror}. {_LIMIT_ERRORS[error.errno]}") from error
        if error.errno in _PATH_ERRORS:
            raise RunFolderError(
                f"Cannot write {path}: {error.strerror}. Name a folder that you may write to (--out)."
            ) from error
        raise
