"""The command `maskscope` in a process of its own, that begins at once, in some trouble.

The processes are forked from a server that has imported everything and done nothing; so a process is at work in milliseconds,
where a new one would first import torch for seconds, and most kills would hit that.
"""

import errno
import io
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.robustness.study import Case

# What befalls a process: called in it, with the run folder, before it begins.
Trouble = Callable[[Path], None]
# what a run imports, some of it late
_PRELOADED = ["maskscope.cli.main", "torch._dynamo", "numba", "scipy.stats"]
_OPERATIONS = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree"}


@dataclass(frozen=True)
class End:
    """How a process ended: its exit status, below 0 for a signal, and all that it wrote."""

    status: int
    said: str

    def fault(self) -> str | None:
        """What is wrong with it, unless it ended well or with one line that says why not."""
        lines = self.said.strip().splitlines()
        if self.status == 0:
            return None
        told = [line for line in lines if line.startswith("maskscope: ") and "warning: " not in line]
        if self.status == 2 and len(told) == 1 and told[0] == lines[-1]:
            return None
        return f"ended with status {self.status} and said: {' / '.join(lines[-3:])}"


def run(case: Case, folder: Path, trouble: Trouble | None = None, kill_after: float | None = None) -> End:
    """Runs a case in a child, and kills it with all its workers after some seconds, if it has not ended by then."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    heard, said = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(case, folder, trouble, said))
    process.start()
    said.close()
    if kill_after is not None:
        process.join(kill_after)
        if process.exitcode is None:
            with suppress(ProcessLookupError):  # it has just ended; or it has not yet begun, and has no group
                os.killpg(process.pid or 0, signal.SIGKILL)
            process.kill()
    with heard, io.FileIO(os.dup(heard.fileno())) as stream:
        text = stream.readall().decode(errors="replace")
    process.join()
    status = process.exitcode
    process.close()
    assert status is not None, "a process that was waited for has ended"
    return End(status, text)


def kill_before_operation(number: int, folder: Path) -> None:
    """The process is killed before some file operation in the run folder."""
    left = number

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _OPERATIONS and str(arguments[0]).startswith(str(folder)):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def tear_write(number: int, folder: Path) -> None:
    """The process is killed when it asks for some file to be on the disk, and only half of that file is."""
    left, sync = number, os.fsync

    def tear(handle: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            with suppress(OSError):  # a folder
                os.truncate(f"/proc/self/fd/{handle}", os.fstat(handle).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        sync(handle)

    os.fsync = tear  # type: ignore[assignment]


def limit_files(size: int, folder: Path) -> None:
    """No file may be larger than so many bytes, as after `ulimit -f`."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def fill_disk(room: int, folder: Path) -> None:
    """The disk takes so many bytes from this process, and then no more."""
    left, plain = room, io.open

    class Filling(io.FileIO):
        def write(self, content: Any) -> int:
            nonlocal left
            if left == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = super().write(memoryview(content)[:left])
            left -= written
            return written

    def opened(file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if "b" in mode and {*mode} & {*"wxa"} and "opener" not in more:
            return io.BufferedWriter(Filling(file, mode.replace("b", "")))
        return plain(file, mode, *rest, **more)

    io.open = opened


def _work(case: Case, folder: Path, trouble: Trouble | None, said: Connection) -> None:
    os.setsid()
    for stream in (1, 2):
        os.dup2(said.fileno(), stream)
    said.close()
    if not case.pages:
        leave_out_pages()
    from maskscope.cli.main import main
    from maskscope.training import Checkpoint

    # a smoke run is over before its first state would be kept: here each step keeps it, so that it is used, torn and without room
    _, *others = Checkpoint.__init__.__defaults__ or ()
    Checkpoint.__init__.__defaults__ = (0.0, *others)
    if trouble:
        trouble(folder)
    main(case.arguments(folder))


def leave_out_pages() -> None:
    """The command finds no matplotlib, says so and ends well."""
    sys.modules["matplotlib"] = None  # type: ignore[assignment]
