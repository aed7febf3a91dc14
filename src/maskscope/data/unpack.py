"""Reads the uncompressed bytes of the files of a data set. Archives are read in memory; no file is written to the disk."""

import gzip
import io
import struct
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from maskscope.data.places import FoundFiles
from maskscope.data.table import DataSet
from maskscope.errors import FileFormatError
from maskscope.storage import open_plain

# The longest file of the table has 155 MB. A limit is needed, for a few kilobytes of gzip can unpack to more than the memory.
LIMIT = 256 * 2**20
_CURE = "Take another copy, or delete it and run `maskscope data fetch`."
# tarfile raises those from ArithmeticError to ValueError for malformed headers, and RecursionError for hundreds of long names
_DAMAGE = (
    *(EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError),
    *(ArithmeticError, LookupError, RecursionError, struct.error, ValueError),
)
_CHUNK = 2**20
_GZIP = b"\x1f\x8b"
_IDX = b"\0\0\x08"
_SHOWN = 80
_LONG_HEADERS = {
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
}
_LONGEST_HEADER = 2**16
_MOST_ENDS = 4  # how often tarfile reads at the end of the stream of a complete archive, at most


def read_unpacked(dataset: DataSet, found: FoundFiles) -> Iterator[tuple[str, str, bytes]]:
    """Yields the name, a description for error messages, and the uncompressed bytes of each file, in the order of the table.

    Raises:
        FileFormatError: a file cannot be read, is damaged, is far too long, or is missing in the archive.
    """
    if found.archive is None:
        for file in dataset.files:
            yield file.name, str(found.paths[file.name]), read_file(found.paths[file.name])
        return
    members = _read_members(found.archive, dataset.folder, {file.name for file in dataset.files})
    for file in dataset.files:
        yield file.name, f"{dataset.folder}/{file.name} in {found.archive}", members.pop(file.name)


def read_file(path: Path) -> bytes:
    """The uncompressed bytes of a file. Its content decides whether it is compressed, not its name.

    Raises:
        FileFormatError: it cannot be read, is not a plain file, is cut short, fails its own checksum, or is far too long.
    """
    with open_plain(path, most=LIMIT, cure=_CURE) as (file, _):
        head = file.peek(_SHOWN)[:_SHOWN]
        packed = head.startswith(_GZIP)
        if path.suffix == ".gz" and not packed and not head.startswith(_IDX):
            raise FileFormatError(f"{path} is no gzip file: {_what_begins(head)}. {_CURE}")
        try:
            content = _read_all(gzip.GzipFile(fileobj=file) if packed else file)
        except _DAMAGE as error:
            raise FileFormatError(f"{path} is damaged, or cut short: {error}. {_CURE}") from error
    if len(content) > LIMIT:
        raise _too_long(str(path))
    return content


def _read_all(file: io.BufferedIOBase) -> bytes:
    """The content, or a little more than the limit."""
    parts, size = [], 0
    # read up to the end, because gzip checks the checksum only there
    while size <= LIMIT and (part := file.read(_CHUNK)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _what_begins(head: bytes) -> str:
    if not head:
        return "it is empty"
    if head.lstrip().startswith(b"<"):
        return "it is a web page, as a server or a login sends in place of a file"
    return f"it begins with {head[:16]!r}; gzip begins with {_GZIP!r}"


def _read_members(archive: Path, folder: str, wanted: set[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with open_plain(archive, most=LIMIT, cure=_CURE) as (file, _):
        head = file.peek(_SHOWN)[:_SHOWN]
        if not head.startswith(_GZIP):
            raise FileFormatError(f"{archive} is no .tar.gz archive: {_what_begins(head)}. {_CURE}")
        try:
            stream = _BoundedStream(gzip.GzipFile(fileobj=file))
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_BoundedMember) as tar:
                for member in tar:
                    # checked again here: an extended header can replace the size
                    _require_size(member)
                    inner, _, name = member.name.removeprefix("./").rpartition("/")
                    if inner != folder or name not in wanted:
                        continue
                    if not member.isreg() or member.issparse():
                        raise _UnsuitableArchive(f"{name} in it is a link, a folder or a file with holes; expected a plain file")
                    if name in found:
                        raise _UnsuitableArchive(f"{name} is there twice, so that it is not clear which one counts")
                    content = tar.extractfile(member)
                    found[name] = content.read() if content else b""
            while stream.read(_CHUNK):  # read up to the end, because gzip checks the checksum only there
                pass
        except _UnsuitableArchive as error:
            raise FileFormatError(f"{archive}: {error}. {_CURE}") from error
        except _DAMAGE as error:
            raise FileFormatError(f"{archive} is damaged, cut short, or no .tar.gz archive: {error}. {_CURE}") from error
    if absent := sorted(wanted - set(found)):
        raise FileFormatError(
            f"{archive} lacks {', '.join(f'{folder}/{name}' for name in absent)}: it is cut short, or another archive. {_CURE}"
        )
    return found


class _UnsuitableArchive(Exception):
    """The archive is readable, but it cannot be the archive of a data set."""


class _BoundedStream(io.RawIOBase):
    """The uncompressed stream of an archive, with limits on what is read from it.

    Without limits, a few kilobytes can unpack to more than any disk; and if a header says that 2 ** 60 bytes are to be skipped,
    `tarfile` continues to read after the end of the stream.
    """

    def __init__(self, stream: io.BufferedIOBase) -> None:
        super().__init__()
        self._stream, self._left, self._ends = stream, 2 * LIMIT, 0

    def read(self, size: int = -1) -> bytes:
        """Reads at most ``size`` bytes.

        Raises:
            EOFError: called again and again after the end.
            _UnsuitableArchive: the archive is far too long.
        """
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise _UnsuitableArchive(f"it has more than {2 * LIMIT // 2**20} MiB unpacked; no archive of these data sets has")
        self._ends += not content
        if self._ends > _MOST_ENDS:
            raise EOFError("it ends too early")
        return content


class _BoundedMember(tarfile.TarInfo):
    """A member of an archive whose header is checked before `tarfile` uses it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_BoundedMember":
        """Parses a header as `tarfile` does, and checks the sizes in it.

        Raises:
            _UnsuitableArchive: the member, or its long name or extended header, is larger than in any archive of a data set.
        """
        member = super().frombuf(buf, encoding, errors)
        _require_size(member)
        if member.type in _LONG_HEADERS and member.size > _LONGEST_HEADER:
            raise _UnsuitableArchive(f"a name or description in it has {member.size:,} bytes")
        return member


def _require_size(member: tarfile.TarInfo) -> None:
    if not 0 <= member.size <= LIMIT:
        raise _UnsuitableArchive(f"{member.name[:_SHOWN]} in it has {member.size:,} bytes; no file of these data sets has")


def _too_long(source: str) -> FileFormatError:
    return FileFormatError(f"{source} has more than {LIMIT // 2**20} MiB unpacked; no file of these data sets has. {_CURE}")
