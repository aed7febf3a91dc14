"""A download that can be resumed: the bytes received so far are kept in a file, and only the rest is requested."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import requests
import urllib3
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

_CHUNK = 2**16
_WAIT = (15, 60)  # seconds: for a connection, and for the next bytes
_ATTEMPTS = 3


class BrokenOffError(Exception):
    """The connection ended before the end of the file; the bytes received so far are kept."""


class EndlessError(Exception):
    """The server sent or announced more bytes than the file may have; none of them is kept."""


class ResumingDownloader:
    """Downloads a file, and resumes an earlier download of it.

    Args:
        part: the file for the bytes received so far.
        most: the largest number of bytes that the file may have.
        announce: called with a line of text when an earlier download is resumed.
    """

    def __init__(self, part: Path, most: int, announce: Callable[[str], None]) -> None:
        self._part, self._most, self._announce = part, most, announce
        self.resumed = False

    def download(self, url: str) -> None:
        """Downloads into ``part``. The caller must check its checksum.

        Raises:
            BrokenOffError: the connection was interrupted, also on further attempts.
            EndlessError: the file is larger than ``most``.
            requests.RequestException: the address cannot be reached, or the server returns an error.
        """
        if self._size() > self._most:
            self._part.unlink()
        for attempt in range(_ATTEMPTS):
            before = self._size()
            try:
                self._attempt(url)
                break
            except BrokenOffError:
                # try again at once if bytes were received, or if a .part that did not fit was removed
                if attempt == _ATTEMPTS - 1 or self._size() == before:
                    raise

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _attempt(self, url: str) -> None:
        have = self._size()
        # identity: the checksum is that of the published file, so the server must not compress or unpack it on the way
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=_WAIT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable and have:
                if response.headers.get("Content-Range", "") == f"bytes */{have}":
                    self.resumed = True
                    return  # the file was already complete
                self._part.unlink()
                raise BrokenOffError(f"the part of {have} bytes does not fit the file")
            response.raise_for_status()
            goes_on = response.status_code == requests.codes.partial_content
            if goes_on and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self._part.unlink(missing_ok=True)
                raise BrokenOffError("the server sent another part than it was asked for")
            start = have if goes_on else 0
            if start:
                self.resumed = True
                self._announce(f"goes on with {self._part.name}, of which {start:,} bytes are there")
            length = response.headers.get("Content-Length", "")
            # no file is so long that its length has 20 digits, and Python refuses to parse thousands of digits
            total = start + int(length) if length.isdecimal() and len(length) < 20 else None
            if total is not None and total > self._most:
                self._give_up(f"the server announces {total:,} bytes")
            self._receive(response, start, total, url.rpartition("/")[2])
        if self._size() > self._most:
            self._give_up(f"more than {self._most:,} bytes have come")
        if total is not None and self._size() != total:
            raise BrokenOffError(f"after {self._size():,} of {total:,} bytes")

    def _give_up(self, why: str) -> NoReturn:
        self._part.unlink(missing_ok=True)
        raise EndlessError(f"{why}; the file has at most {self._most:,}")

    def _receive(self, response: requests.Response, start: int, total: int | None, label: str) -> None:
        with self._part.open("ab" if start else "wb") as file, _bar(label, start, total) as advance:
            try:
                for chunk in response.raw.stream(_CHUNK, decode_content=False):
                    file.write(chunk)
                    advance(len(chunk))
                    if file.tell() > self._most:
                        return
            except urllib3.exceptions.HTTPError as error:
                of = "" if total is None else f" of {total:,}"
                raise BrokenOffError(f"after {file.tell():,}{of} bytes") from error
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def _bar(label: str, start: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows a progress bar on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr)) as progress:
        task = progress.add_task(label, total=total, completed=start)
        yield lambda count: progress.advance(task, count)
