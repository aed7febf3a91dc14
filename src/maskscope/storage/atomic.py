"""Writing that either happens whole or not at all: a unique temporary name in the same folder, synced, then renamed."""

import errno
import hashlib
import os
import platform
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from maskscope.errors import RunFolderError

# What is unfinished is called .NAME.unfinished-HOST-PROCESS-START-RANDOM, so that nobody takes away what a living process writes.
# START tells a process from an earlier one of its number: in a container, a program is often number 1 each time.
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_START = uuid.uuid4().hex[:8]
_OURS = re.compile(
    r"\..+\.unfinished-(?P<host>[0-9a-f]{8})-(?P<process>[0-9]{1,10})-(?P<start>[0-9a-f]{8})-[0-9a-f]{8}", re.DOTALL
)
# of the name, so that a long one leaves room for the rest in the 255 bytes that a file system takes
_CHARACTERS_KEPT = 40
# where another place helps
_PLACE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EIO, errno.ENXIO, errno.EINVAL),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP),
}
# where it is not the place that is at fault
_LIMITS = {
    errno.EFBIG: "A limit on the size of files stands in the way: see `ulimit -f`.",
    errno.EMFILE: "This process may not open more files: see `ulimit -n`.",
    errno.ENFILE: "This machine has too many files open: close some programs.",
    errno.ENOMEM: "There is not enough memory.",
}


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old content or the new, never a part.

    Raises:
        RunFolderError: the folder cannot be written, the disk is full, or there is something that is no file; what was there
            before is still there.
    """
    _require_file_or_nothing(path)
    temporary = _unfinished(path)
    with _explained(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                _sync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """A ``with`` block that fills a temporary folder; the folder takes its name when the block ends without an error.

    If another process has finished the same folder meanwhile, that one stays, and what was filled here is dropped.

    Raises:
        RunFolderError: the folder cannot be written, or the disk is full; nothing is left behind.
    """
    temporary = _unfinished(path)
    with _explained(path):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.iterdir():
                with file.open("rb") as handle:
                    _sync(handle.fileno())
            _take_name(temporary, path)
            _sync_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Removes what processes that have died left unfinished directly in a folder; nothing else, and nothing in folders below.

    What a process on another machine left stays: whether it is alive cannot be seen from here.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        for leftover in list(folder.iterdir()):
            name = _OURS.fullmatch(leftover.name)
            if name is None or _may_live(name["host"], int(name["process"]), name["start"]):
                continue
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                with suppress(OSError):  # it does no harm but for its room
                    leftover.unlink()


def _unfinished(path: Path) -> Path:
    process = f"{_HOST}-{os.getpid()}-{_START}-{uuid.uuid4().hex[:8]}"
    return path.with_name(f".{path.name[:_CHARACTERS_KEPT]}.unfinished-{process}")


def _may_live(host: str, process: int, start: str) -> bool:
    if host != _HOST or os.name == "nt":  # there, signal 0 is Ctrl-C
        return True
    if process == os.getpid():
        return start == _START
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


def _take_name(temporary: Path, path: Path) -> None:
    try:
        temporary.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not path.is_dir():
            raise


def _require_file_or_nothing(path: Path) -> None:
    """A rename takes the place of a named pipe or of /dev/null as readily as of a file."""
    if path.is_dir():
        raise RunFolderError(f"Cannot write {path}: it is a folder. Name a file, for example one in it: {path / 'NAME'}.")
    if path.exists() and not path.is_file():
        raise RunFolderError(f"Cannot write {path}: it is a pipe, a socket or a device. Name another file.")


def _sync_folder(folder: Path) -> None:
    """Makes a rename last over a power cut, where the file system can; the file itself is there already."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written and not listed; any folder on Windows
        return
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> None:
    """``fsync``, on file systems that know it: many network shares do not for folders, and some not at all."""
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
                f"The disk is full: {path} was not written and what was there before is untouched. "
                "Free some space and run the same command again; it goes on where it stopped."
            ) from error
        if error.errno in _LIMITS:
            raise RunFolderError(f"Cannot write {path}: {error.strerror}. {_LIMITS[error.errno]}") from error
        if error.errno in _PLACE:
            raise RunFolderError(
                f"Cannot write {path}: {error.strerror}. Name a folder that you may write to (--out)."
            ) from error
        raise
