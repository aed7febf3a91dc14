"""Processes that a run starts, from both sides. They share its fate: told to stop, or left by a dead parent, they save and end.

The parent holds the other end of a worker's standard input and never writes to it: it closes when the parent ends, however that
happens, SIGKILL included. The worker then does what it does on SIGTERM.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from maskscope.errors import MaskscopeError

# exit status of a process that Ctrl-C, or another signal to stop, ended; and of one with an error of ours, its last line
INTERRUPTED, FAILED = 130, 2
_GO_ON = "What is finished is kept; run the same command again to go on"


def run_together(commands: Sequence[Sequence[str]], announce: Callable[[str], None]) -> None:
    """Runs programs beside each other until all have ended. When one fails, or this one is to stop, the others are stopped.

    Args:
        commands: the words of each.
        announce: is told each line that they write.

    Raises:
        MaskscopeError: one failed; the message is its own, or says how it ended.
        KeyboardInterrupt: this process was told to stop, and they have saved their state.
    """
    ended = queue.SimpleQueue[_Worker]()
    running: list[_Worker] = []
    try:
        with held_back():
            running.extend(_Worker(command, announce, ended) for command in commands)
        for _ in running:
            ended.get().require_success()
    except BaseException:
        _stop(running, announce)
        raise


def follow_parent() -> None:
    """Makes this process, a worker, stop when its parent says so or is gone. What it writes to a parent that is gone is lost."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.stdout = sys.stderr = cast(TextIO, _ToParent())
    threading.Thread(target=_end_with_parent, daemon=True).start()


class _Worker:
    """A running process, and the thread that reads what it writes."""

    def __init__(self, command: Sequence[str], announce: Callable[[str], None], ended: "queue.SimpleQueue[_Worker]") -> None:
        # threads that wait actively for each other slow all processes down once there are more of them than cores (docs/speed.md)
        environment = {"OMP_WAIT_POLICY": "passive", **os.environ}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self._announce, self._ended, self._last = announce, ended, ""
        self._process = subprocess.Popen(command, env=environment, **pipes)
        try:
            threading.Thread(target=self._attend, daemon=True).start()
        except RuntimeError:  # no more threads
            self._process.kill()
            raise

    def _attend(self) -> None:
        heard = True
        with self._process:
            for line in self._process.stdout or ():
                self._last = line.decode(errors="replace").rstrip()
                try:
                    if heard:
                        self._announce(self._last)
                except (OSError, ValueError):  # nobody reads what is said; but the pipe must be emptied, or the worker would wait
                    heard = False
        self._ended.put(self)

    def require_success(self) -> None:
        """Raises what the worker's exit status says, unless it is 0."""
        status = self._process.returncode
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if status == FAILED and self._last:
            raise MaskscopeError(self._last)
        last = f" Its last line: {self._last}" if self._last else ""
        if status < 0:
            cause, cure = (" (out of memory?)", ", with fewer --workers if memory is short") if status == -9 else ("", "")
            raise MaskscopeError(f"A worker was ended by signal {-status}{cause}. {_GO_ON}{cure}.{last}")
        if status:
            raise MaskscopeError(f"A worker ended with status {status}. {_GO_ON}.{last}")

    def tell_to_stop(self) -> None:
        """The worker saves its state and ends."""
        self._process.terminate()

    def kill(self) -> None:
        """The worker ends at once."""
        self._process.kill()

    def wait(self) -> None:
        """Returns when the worker has ended."""
        self._process.wait()


def _stop(running: Sequence[_Worker], announce: Callable[[str], None]) -> None:
    if not running:
        return
    with suppress(OSError, ValueError):  # perhaps nobody reads it any more
        announce("stopping: the workers save their state")
    for worker in running:
        worker.tell_to_stop()
    try:
        for worker in running:
            worker.wait()
    except KeyboardInterrupt:  # asked twice: now
        for worker in running:
            worker.kill()


@contextmanager
def held_back() -> Iterator[None]:
    """A block whose child processes never see Ctrl-C or a closed terminal, which reach all processes: their parent tells them."""
    if os.name == "nt":
        yield
        return
    # a child inherits what is blocked, and so is safe from its first moment
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interrupt(_signal: int, _frame: object) -> None:
    # sent to the whole group, the signal comes once more from the parent, and must not break off the saving
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    signal.raise_signal(signal.SIGTERM)


class _ToParent:
    """A text stream to standard error. When nobody reads it any more, what is written is lost, and nothing else is."""

    encoding, errors = "utf-8", "replace"

    def write(self, text: str) -> int:
        """Writes at once."""
        with suppress(OSError):
            os.write(2, text.encode(errors="replace"))
        return len(text)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def isatty(self) -> bool:
        """It is a pipe."""
        return False
