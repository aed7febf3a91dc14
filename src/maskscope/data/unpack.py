"""The unpacked bytes of a data set's files. Archives are read, never extracted to paths that they name."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from maskscope.data.places import FoundFiles
from maskscope.data.table import DataSet
from maskscope.errors import FileFormatError

# The longest file of the table has 155 MB. A few kilobytes of gzip can unpack to far more than the memory.
LIMIT = 256 * 2**20
_CURE = "Take another copy, or delete it and run `maskscope data fetch`."
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError)


def read_unpacked(dataset: DataSet, found: FoundFiles) -> Iterator[tuple[str, str, bytes]]:
    """Name, a description for errors, and unpacked bytes of each file, in the order of the table.

    Raises:
        FileFormatError: a file that cannot be read, is damaged, or is far too long; a member that the archive lacks.
    """
    if found.archive is None:
        for file in dataset.files:
            yield file.name, str(found.paths[file.name]), read_file(found.paths[file.name])
        return
    members = _read_members(found.archive, dataset.folder, {file.name for file in dataset.files})
    for file in dataset.files:
        yield file.name, f"{dataset.folder}/{file.name} in {found.archive}", members.pop(file.name)


def read_file(path: Path) -> bytes:
    """A file's bytes, unpacked if its name ends in ``.gz``.

    Raises:
        FileFormatError: it cannot be read, is no gzip file, is cut short, fails its own checksum, or is far too long.
    """
    packed = path.suffix == ".gz"
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            content = file.read(LIMIT + 1)
            # gzip looks at its checksum only when it meets the end
            over = len(content) > LIMIT or bool(file.read(1))
    except _DAMAGE as error:
        raise FileFormatError(f"{path} is damaged, or no gzip file: {error}. {_CURE}") from error
    except OSError as error:
        raise FileFormatError(f"Cannot read {path}: {error.strerror or error}. {_CURE}") from error
    if over:
        raise _too_long(str(path))
    return bytes(content)


def _read_members(archive: Path, folder: str, wanted: set[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with gzip.open(archive, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                inner, _, name = member.name.removeprefix("./").rpartition("/")
                if inner != folder or name not in wanted:
                    continue
                source = f"{member.name} in {archive}"
                if not member.isreg():
                    raise FileFormatError(f"{source} is a link or a folder; expected a plain file. {_CURE}")
                if name in found:
                    raise FileFormatError(f"{source} is there twice, so that it is not clear which one counts. {_CURE}")
                if member.size > LIMIT:
                    raise _too_long(source)
                content = tar.extractfile(member)
                found[name] = content.read() if content else b""
            while stream.read(2**20):  # gzip looks at its checksum only when it meets the end
                pass
    except _DAMAGE as error:
        raise FileFormatError(f"{archive} is damaged, cut short, or no .tar.gz archive: {error}. {_CURE}") from error
    except OSError as error:
        raise FileFormatError(f"Cannot read {archive}: {error.strerror or error}. {_CURE}") from error
    if absent := sorted(wanted - set(found)):
        raise FileFormatError(
            f"{archive} lacks {', '.join(f'{folder}/{name}' for name in absent)}: it is cut short, or another archive. {_CURE}"
        )
    return found


def _too_long(source: str) -> FileFormatError:
    return FileFormatError(f"{source} has more than {LIMIT // 2**20} MiB unpacked; no file of these data sets has. {_CURE}")
