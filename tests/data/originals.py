"""Writes small data sets in their original formats, and serves them from this machine."""

import gzip
import hashlib
import io
import pickle
import re
import struct
import tarfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from maskscope.data import DATASETS
from maskscope.data.table import Download, Unpacked

RANDOM = np.random.RandomState(3)


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">I{values.ndim}I", 0x0800 + values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def small_idx(name="mnist", train=6, test=4, height=5, width=3):
    """A row with small counts whose published checksums are those of the files returned with it, by unpacked name."""
    files = {}
    for row, count in ((0, train), (2, test)):
        names = [file.name for file in DATASETS[name].files]
        files[names[row]] = idx(RANDOM.randint(0, 256, (count, height, width)))
        files[names[row + 1]] = idx(RANDOM.randint(0, 10, count))
    return with_checksums(replace(DATASETS[name], train=train, test=test, shape=(1, height, width)), files), files


def small_cifar(name="cifar10", train=10, test=3, protocol=3, write=None):
    """The same of a CIFAR, in a way to write pickles."""
    row = DATASETS[name]
    write = write or (lambda record: pickle.dumps(record, protocol=protocol))
    *batches, last, meta = [file.name for file in row.files]
    files = {file: write(batch(train // len(batches), row)) for file in batches} | {last: write(batch(test, row))}
    names = row.classes or [f"class {number}" for number in range(row.class_count)]
    files[meta] = write({row.names_key.encode(): [one.encode() for one in names]})
    return with_checksums(replace(row, train=train, test=test), files), files


def batch(count, row=DATASETS["cifar10"]):
    labels = RANDOM.randint(0, row.class_count, count).tolist()
    names = [f"image_{number}.png".encode() for number in range(count)]
    data = RANDOM.randint(0, 256, (count, 3072)).astype(np.uint8)
    return {b"batch_label": b"a batch", row.label_key.encode(): labels, b"data": data, b"filenames": names}


def with_checksums(row, files):
    return replace(row, files=tuple(Unpacked(file.name, hashlib.md5(files[file.name]).hexdigest()) for file in row.files))


def archive(folder, files) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in reversed(files.items()):  # the order in an archive is its own
            member = tarfile.TarInfo(f"{folder}/{name}" if folder else name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def python2_pickle(record) -> bytes:
    """What Python 2 wrote: protocol 2, its strings being bytes."""
    return b"\x80\x02" + _python2(record) + b"."


def _python2(value) -> bytes:
    match value:
        case bytes():
            return b"T" + struct.pack("<i", len(value)) + value
        case int():
            return b"J" + struct.pack("<i", value)
        case list():
            return b"](" + b"".join(map(_python2, value)) + b"e"
        case dict():
            return b"}(" + b"".join(_python2(key) + _python2(item) for key, item in value.items()) + b"u"
        case np.ndarray():
            made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
            kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            shape = b"(" + b"".join(map(_python2, value.shape)) + b"t"
            return made + b"(K\x01" + shape + kind + b"\x89" + _python2(value.tobytes()) + b"tb"
    raise TypeError(value)


def packed(files):
    return {f"{name}.gz": gzip.compress(content, mtime=1) for name, content in files.items()}


def lay(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


class Served:
    """What a server has, and how it misbehaves."""

    def __init__(self, files):
        self.files, self.ranges, self.asked, self.says_length = files, True, [], True
        self.stop_after = []  # for each request to come: close after so many bytes


@contextmanager
def serving(files):
    """A server on this machine that can break off in the middle, and go on from there."""
    served = Served(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = served.files.get(self.path.lstrip("/"))
            wanted = self.headers.get("Range")
            served.asked.append((self.path.lstrip("/"), wanted))
            if content is None:
                self.send_error(404)
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and served.ranges else None
            if start is not None and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200 if start is None else 206)
            if start is not None:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            body = content[start or 0 :]
            if served.says_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # who asked may have heard enough
                self.wfile.write(body[: served.stop_after.pop(0)] if served.stop_after else body)
            self.close_connection = True

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        served.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def from_server(row, served):
    """The row with the addresses and checksums of what is served."""
    downloads = tuple(
        Download(one.file, f"{served.address}/{one.file}", hashlib.md5(served.files[one.file]).hexdigest())
        for one in row.downloads
    )
    return replace(row, downloads=downloads)
