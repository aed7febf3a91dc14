"""What a machine has too little of, in one line: memory, open files, threads or processes."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from maskscope.errors import MaskscopeError, OutOfMemoryError

_MEMORY = "memory"
# what Python, torch and the system say, and what it means
_SAID = {
    "can't start new thread": "threads",
    "too many open files": "open files",
    "can't allocate memory": _MEMORY,
    "cannot allocate memory": _MEMORY,
    "not enough memory": _MEMORY,
    "out of memory": _MEMORY,
}
_ERRNO = {
    errno.EMFILE: "open files",
    errno.ENFILE: "open files",
    errno.EAGAIN: "threads or processes",
    errno.ENOMEM: _MEMORY,
}
_CURE = {
    _MEMORY: "Close other programs, or take fewer --workers or a smaller batch",
    "open files": "Raise the limit (ulimit -n)",
    "threads": "Raise the limit (ulimit -u), or take fewer --threads and --workers",
    "threads or processes": "Raise the limit (ulimit -u), or take fewer --threads and --workers",
}


@contextmanager
def shortage_explained() -> Iterator[None]:
    """A block whose errors of a shortage become one of ours; every other error passes.

    Raises:
        OutOfMemoryError: there was not enough memory.
        MaskscopeError: there were not enough open files, threads or processes.
    """
    try:
        yield
    except MaskscopeError:
        raise
    except (MemoryError, OSError, RuntimeError, ImportError) as error:  # torch's own is a RuntimeError
        lacking = _lacking(error)
        if lacking is None:
            raise
        kind = OutOfMemoryError if lacking == _MEMORY else MaskscopeError
        said = str(error).strip().partition("\n")[0]
        raise kind(
            f"There is not enough of this here: {lacking}{said and f' ({said[:200]})'}. {_CURE[lacking]}, and run the same "
            "command again; what is finished is kept."
        ) from error


def _lacking(error: Exception) -> str | None:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return _MEMORY
    if isinstance(error, OSError):
        return _ERRNO.get(error.errno or 0)
    return next((lacking for words, lacking in _SAID.items() if words in str(error).lower()), None)
