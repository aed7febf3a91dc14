"""Standard output and standard error as commands need them, whatever they lead to.

A code page may lack a sign, a disk may be full, a reader may have gone, the stream may be closed. No work ends for that: what
cannot be shown has a substitute, what cannot be written is dropped, and at the end standard output is asked whether anything was.
"""

import codecs
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from maskscope.errors import OutputError

_SUBSTITUTES = {
    "\u00a0": " ",
    "±": "+-",
    "·": ".",
    "×": "x",
    "–": "-",
    "—": "-",
    "−": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "✓": "v",
    "✗": "x",
}
_HANDLER = "maskscope-substitute"


@contextmanager
def standard_streams() -> Iterator[Callable[[], None]]:
    """A block in which both streams take everything; a stream that somebody put in the place of Python's own is left alone.

    Yields:
        What raises `OutputError` if standard output could not be written; not if its reader has gone, as `head` does.
    """
    codecs.register_error(_HANDLER, _substitute)
    _take_closed_descriptors()
    before = sys.stdout, sys.stderr
    out, end = _patient(sys.stdout, sys.__stdout__)
    err, _ = _patient(sys.stderr, sys.__stderr__)
    sys.stdout, sys.stderr = out, err

    def require_written() -> None:
        out.flush()
        if end is not None:
            end.require_written()

    try:
        yield require_written
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _patient(stream: Any, own: Any) -> tuple[Any, "_End | None"]:
    """A text stream over the same file that raises nothing, and its end; a foreign stream as it is."""
    if stream is None:  # closed before Python began
        end = _End(None)
        return _text(end, "utf-8", line_buffering=False), end
    if stream is not own or not isinstance(stream, io.TextIOWrapper):
        return stream, None
    stream.flush()
    end = _End(getattr(stream.buffer, "raw", stream.buffer))
    return _text(end, stream.encoding, line_buffering=stream.line_buffering), end


def _text(end: "_End", encoding: str, *, line_buffering: bool) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(end), encoding, _HANDLER, line_buffering=line_buffering)


class _End(io.RawIOBase):
    """Where a stream ends: writes what it can, and remembers the first error."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._error: OSError | None = None

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._inner is not None and bool(self._inner.isatty())

    def fileno(self) -> int:
        """The descriptor behind it."""
        if self._inner is None:
            raise io.UnsupportedOperation("the stream is closed")
        return int(self._inner.fileno())

    def write(self, content: Any) -> int:
        """How much was written, or dropped."""
        if self._inner is None:
            self._error = OSError(errno.EBADF, "it is closed")
        elif self._error is None:
            try:
                written = self._inner.write(content)
            except OSError as error:
                self._error = error
            else:
                # None: nothing now, from a file that does not wait
                return len(content) if written is None else int(written)
        return len(content)

    def require_written(self) -> None:
        """Raises `OutputError` if anything was dropped that somebody would have read."""
        if self._error is not None and not isinstance(self._error, BrokenPipeError):
            raise OutputError(
                f"Standard output cannot be written: {self._error.strerror or self._error}. What was to be printed is "
                "incomplete; everything else is done. Give it a file or a pipe that takes it."
            )


def _take_closed_descriptors() -> None:
    """Leads closed streams to nowhere: else the next file that is opened gets the number of one, and then its messages."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number is taken, which is this one
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _substitute(error: UnicodeError) -> tuple[str, int]:
    """What stands for signs that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_plain(sign) for sign in error.object[error.start : error.end]), error.end


def _plain(sign: str) -> str:
    without_marks = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return _SUBSTITUTES.get(sign) or without_marks or "?"
