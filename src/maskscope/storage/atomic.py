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


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old content or the new, never a part.

    Raises:
        RunFolderError: the folder cannot be written, or the disk is full; the old file is still there.
    """
    temporary = _unfinished(path)
    with _explained(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
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
                    os.fsync(handle.fileno())
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


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
            raise RunFolderError(
                f"Cannot write {path}: {error.strerror}. Name a folder that you may write to (--out)."
            ) from error
        raise
