"""Safe reading of files from others: only plain files up to a given size are opened, and JSON is parsed within limits.

Why: a path can lead to a named pipe, which waits for ever, to a device, which never ends, or to a sparse file of a petabyte.
JSON text can be nested so deep that the parser runs out of stack, or contain NaN, which is not valid JSON.
"""

import io
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maskscope.errors import FileFormatError

# The largest committed record has 1 MB, and some 50,000 values. Within these limits a text is parsed in seconds, in 1 GiB.
LONGEST_JSON = 32 * 2**20
_MOST_VALUES = 2_000_000
_MOST_CONTAINERS = 500_000
# The deepest file that maskscope writes has about 20 levels. Parsers use a few of Python's 1,000 stack frames for each level.
DEEPEST_JSON = 128
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_FILE_TYPES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def open_plain(path: Path, *, most: int, cure: str = "") -> Iterator[tuple[io.BufferedReader, int]]:
    """A ``with`` block with an open file and its size in bytes.

    An ``OSError`` inside the block also becomes a `FileFormatError` that names the file.

    Args:
        path: the file; links are followed.
        most: the largest size that is accepted, in bytes.
        cure: the last sentence of an error message: what to do next.

    Raises:
        FileFormatError: missing, unreadable, larger than ``most``, or not a plain file (a folder, a pipe, a device, a socket).
    """
    if "\0" in str(path):  # os.stat would raise a ValueError, which code in the block may raise for another reason
        raise FileFormatError(_sentences(f"Cannot read {str(path)!r}: no file has a NUL character in its name.", cure))
    try:
        # checked before opening: opening alone can wait for ever (a pipe) or have an effect (a device)
        _require_plain(path, os.stat(path), most, cure)
        # O_NONBLOCK: if the file was replaced by a pipe since then, opening does not wait
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            found = os.fstat(file.fileno())
            _require_plain(path, found, most, cure)
            yield file, found.st_size
    except OSError as error:
        raise FileFormatError(_sentences(f"Cannot read {path}: {error.strerror or error}.", cure)) from error
    except UnicodeEncodeError as error:
        raise FileFormatError(_sentences(f"Cannot read {str(path)!r}: no file has such a name.", cure)) from error


def read_plain(path: Path, *, most: int, cure: str = "") -> bytes:
    """The whole content of a plain file.

    Args:
        path: the file; links are followed.
        most: the largest size that is accepted, in bytes.
        cure: the last sentence of an error message: what to do next.

    Raises:
        FileFormatError: missing, unreadable, not a plain file, larger than ``most``, or changed while it is read.
    """
    with open_plain(path, most=most, cure=cure) as (file, size):
        try:
            content = file.read(size)
            over = bool(file.read(1))
        except MemoryError as error:
            raise FileFormatError(_sentences(f"{path} has {size:,} bytes, more than there is memory for.", cure)) from error
    if over or len(content) != size:
        what = f"{path} does not have the {size:,} bytes that it says it has: it is being written, or it is no file on a disk."
        raise FileFormatError(_sentences(what, cure))
    return content


def parse_json(content: bytes | str, *, source: str, cure: str = "", deepest: int = DEEPEST_JSON) -> Any:
    """The value of a JSON text: dict, list, str, int, finite float, bool or None. The caller must check its structure.

    Args:
        content: the text, or its bytes in UTF-8, with or without a byte order mark.
        source: the name of the text in an error message.
        cure: the last sentence of an error message: what to do next.
        deepest: how many levels of lists and objects are accepted.

    Raises:
        FileFormatError: not UTF-8, not JSON, cut short, with NaN or infinity, with half a surrogate pair, or nested too deep.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        # commas and brackets inside strings are counted too, so that the limit can be checked before parsing
        if text.count(",") > _MOST_VALUES or text.count("[") + text.count("{") > _MOST_CONTAINERS:
            raise ValueError(f"it has more than {_MOST_VALUES:,} values, or than {_MOST_CONTAINERS:,} lists and objects")
        value = json.loads(text, parse_constant=_refuse_number, parse_float=_finite)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        known = " It is UTF-16: save it as UTF-8." if error.object[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        what = f"{source} is no JSON: byte {error.start} is not UTF-8.{known}"
    except UnicodeEncodeError as error:
        what = f"{source} holds {error.object[error.start : error.end]!r}, half a character."
    except RecursionError:
        what = f"{source} is nested too deep; at most {deepest} levels are read."
    except ValueError as error:
        what = f"{source} is no JSON, or it is cut short: {error}."
    else:
        if not _is_deeper_than(value, deepest):
            return value
        what = f"{source} is nested too deep; at most {deepest} levels are read."
    # raised outside the handlers: a chained RecursionError would keep a thousand frames alive
    raise FileFormatError(_sentences(what, cure))


def read_plain_json(path: Path, *, most: int = LONGEST_JSON, cure: str = "") -> Any:
    """The value of a JSON file: `read_plain`, then `parse_json`, with the same arguments.

    Raises:
        FileFormatError: for the same reasons as those two.
    """
    return parse_json(read_plain(path, most=most, cure=cure), source=str(path), cure=cure)


def _require_plain(path: Path, found: os.stat_result, most: int, cure: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _FILE_TYPES.get(stat.S_IFMT(found.st_mode), "no plain file")
        raise FileFormatError(_sentences(f"Cannot read {path}: it is {kind}; a plain file was expected.", cure))
    if found.st_size > most:
        what = f"{path} has {found.st_size:,} bytes, too many: a file of this kind has at most {most:,}."
        raise FileFormatError(_sentences(what, cure))


def _is_deeper_than(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [inner for item in level if isinstance(item, dict | list) for inner in _inside(item)]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def _inside(item: Any) -> Any:
    return item.values() if isinstance(item, dict) else item


def _refuse_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


def _sentences(what: str, cure: str) -> str:
    return f"{what} {cure}" if cure else what
