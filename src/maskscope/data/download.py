"""Downloads the files of a data set; a file gets its final name only after its checksum was found to be right."""

import errno
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import filelock

from maskscope.data.places import DATA_VARIABLE, cache_folder
from maskscope.data.table import DataSet, Download, dataset_named
from maskscope.data.unpack import LIMIT, read_file
from maskscope.errors import DataError, FileFormatError
from maskscope.storage import open_plain, user_path


def say(text: str) -> None:
    """Writes a line to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def fetch(name: str, folder: Path | None = None, *, announce: Callable[[str], None] = say) -> Path:
    """Downloads the missing files of a data set.

    An interrupted download is kept in ``<file>.part``, and the next call continues it.

    Args:
        name: a name in `DATASETS`.
        folder: the files are written to ``<folder>/<name>``; by default, the cache.
        announce: called with a line of text about each download.

    Returns:
        The folder with the files.

    Raises:
        UnknownNameError: there is no data set of this name.
        ConfigError: the folder cannot be a path.
        DataError: an address cannot be reached, the downloaded file has a wrong checksum, the folder cannot be written, or the
            user's folder has a different file of the same name.
    """
    # what downloads is loaded when it is needed: every study imports this file, and few download
    import requests

    from maskscope.data.resume import BrokenOffError, EndlessError

    dataset = dataset_named(name)
    target = (cache_folder() if folder is None else user_path(folder, argument="--data-dir")) / name
    try:
        target.mkdir(parents=True, exist_ok=True)
        # two processes must not write the same .part file
        with filelock.FileLock(target / ".fetch.lock"):
            for download in dataset.downloads:
                _fetch_one(dataset, download, target, announce, replace=folder is None)
    except (BrokenOffError, requests.RequestException) as error:  # before OSError: the errors of requests are subclasses of it
        kept = " What has come is kept: the same command goes on from there." if any(target.glob("*.part")) else ""
        raise DataError(f"The download broke off or could not begin: {error}.{kept}\n{_by_hand(dataset, target)}") from error
    except EndlessError as error:
        raise DataError(f"The download was given up: {error}.\n{_by_hand(dataset, target)}") from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        cure = "Free some space; the same command goes on from there." if full else "Name another: --data-dir."
        raise DataError(f"Cannot write into {target}: {error.strerror or error}. {cure}") from error
    return target


def _fetch_one(dataset: DataSet, download: Download, target: Path, announce: Callable[[str], None], *, replace: bool) -> None:
    path = target / download.file
    if path.exists():
        if _is_published(dataset, download, path):
            announce(f"{path} is there already")
            return
        if not replace:
            raise DataError(
                f"{path} is there, but it is not the published file (MD5 {_md5(path)}; expected {download.md5}). It was not "
                "touched: move it away, or name another folder."
            )
        announce(f"{path} is not the published file, and is downloaded again")
    part = path.with_name(f"{path.name}.part")
    # loaded late, as above
    from maskscope.data.resume import ResumingDownloader

    downloader = ResumingDownloader(part, LIMIT, announce)
    found = ""
    announce(f"downloading {download.address} to {path}")
    for attempt in range(2):
        downloader.download(download.address)
        found = _md5(part)
        if found == download.md5:
            part.replace(path)
            return
        part.unlink()
        # the old .part may be of another version of the file: try once more from the start
        if attempt or not downloader.resumed:
            break
        announce(f"{download.file} does not have its checksum; once more from the start")
    raise DataError(
        f"What came from {download.address} is not the published file (MD5 {found}; expected {download.md5}); it was removed. "
        f"A page of a proxy or a login in its place would do that.\n{_by_hand(dataset, target)}"
    )


def _is_published(dataset: DataSet, download: Download, path: Path) -> bool:
    """Whether a file is the published one, or has the published content in another compression."""
    if _md5(path) == download.md5:
        return True
    if dataset.layout != "idx":
        return False
    unpacked = {file.name: file.md5 for file in dataset.files}[download.file.removesuffix(".gz")]
    try:
        return hashlib.md5(read_file(path), usedforsecurity=False).hexdigest() == unpacked
    except FileFormatError:
        return False


def _md5(path: Path) -> str:
    with open_plain(path, most=LIMIT) as (file, _):
        return hashlib.file_digest(file, _md5_maker).hexdigest()


def _md5_maker() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


def _by_hand(dataset: DataSet, target: Path) -> str:
    lines = [f"  {one.file}   {one.address}   MD5 {one.md5}" for one in dataset.downloads]
    return "\n".join(
        [
            f"To do it by hand, on this machine or another, put these files into {target},",
            f"or into another folder that you name with --data-dir or the environment variable {DATA_VARIABLE}:",
            *lines,
        ]
    )
