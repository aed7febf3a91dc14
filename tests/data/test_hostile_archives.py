"""Archives that are not what they seem: little that unpacks to much, heads that lie, descriptions without an end."""

import gzip
import io
import tarfile

import pytest

from maskscope.data.places import FoundFiles
from maskscope.data.unpack import read_unpacked
from maskscope.errors import FileFormatError
from tests.data.originals import small_cifar

ROW, _ = small_cifar()
TRAIN = f"{ROW.folder}/data_batch_1"


def refused(tmp_path, tar, says):
    path = tmp_path / "some.tar.gz"
    path.write_bytes(gzip.compress(tar, 1))
    with pytest.raises(FileFormatError, match=says) as caught:
        list(read_unpacked(ROW, FoundFiles(tmp_path, {}, path)))
    assert len(str(caught.value)) < 600


def head(name, size, kind=tarfile.REGTYPE):
    member = tarfile.TarInfo(name)
    member.type = kind
    content = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    content[124:136] = b"\x80" + size.to_bytes(11, "big") if size >= 2**33 else b"%011o\0" % size
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    return bytes(content)


@pytest.mark.parametrize("size", [2**60, 2**40, 3 * 2**30, 2**28 + 1])
@pytest.mark.parametrize("name", ["junk", TRAIN])
def test_a_member_that_says_it_is_huge(tmp_path, name, size):
    refused(tmp_path, head(name, size) + bytes(1024), f"{size:,} bytes; no file of these data sets has")


@pytest.mark.parametrize("name", ["junk", TRAIN])
def test_a_member_that_is_cut_short(tmp_path, name):
    refused(tmp_path, head(name, 2**27) + bytes(1024), "is damaged, cut short|lacks")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_name_or_description_of_megabytes(tmp_path, kind):
    refused(tmp_path, head("././@LongLink", 2**24, kind) + bytes(2**24), "a name or description in it has 16,777,216 bytes")


def test_hundreds_of_descriptions_in_a_row(tmp_path):
    refused(tmp_path, (head("a", 512, tarfile.GNUTYPE_LONGNAME) + b"b" * 511 + b"\0") * 2000, "some.tar.gz is damaged")


@pytest.mark.parametrize(
    "described",
    [
        {"GNU.sparse.map": "x"},
        {"GNU.sparse.map": "0,10,20,30", "GNU.sparse.size": "100"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "100", "GNU.sparse.name": TRAIN},
        {"GNU.sparse.size": "1", "GNU.sparse.offset": "0", "GNU.sparse.numbytes": "3"},
        {"size": "9" * 15},
        {"size": "-5"},
    ],
    ids=str,
)
def test_extended_heads(tmp_path, described):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(TRAIN)
        member.pax_headers, member.size = described, 600
        tar.addfile(member, io.BytesIO(b"9" * 600))
    refused(tmp_path, stream.getvalue(), "some.tar.gz")


def test_a_sparse_map_without_an_end(tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(TRAIN)
        member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1"}
        member.size = 512
        tar.addfile(member, io.BytesIO(b"9999999999\n".ljust(512, b"1")))
    refused(tmp_path, stream.getvalue(), "some.tar.gz is damaged, cut short")


def test_an_archive_that_unpacks_to_more_than_any(tmp_path, monkeypatch):
    monkeypatch.setattr("maskscope.data.unpack.LIMIT", 2**20)
    junk = (head("junk", 2**20) + bytes(2**20)) * 4
    refused(tmp_path, junk, "more than 2 MiB unpacked; no archive of these data sets has")
