"""Readers of IDX files, CIFAR batches, gzip and tar: what is right comes through, and each fault is named."""

import gzip
import io
import pickle
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from maskscope.data import unpack
from maskscope.data.batches import read_batch, read_class_names
from maskscope.data.idx import read_idx_images, read_idx_labels
from maskscope.data.places import FoundFiles
from maskscope.data.unpack import read_file, read_unpacked
from maskscope.errors import FileFormatError
from tests.data.originals import archive, batch, idx, python2_pickle, small_cifar

IMAGES = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
LABELS = np.array([9, 0, 3])


def images(content, count=2, shape=(1, 4, 3)):
    return read_idx_images(content, source="the file", count=count, shape=shape)


def labels(content, count=3, classes=10):
    return read_idx_labels(content, source="the file", count=count, classes=classes)


def test_idx_files_are_read():
    assert torch.equal(images(idx(IMAGES)), torch.from_numpy(IMAGES)[:, None])
    assert labels(idx(LABELS)).tolist() == [9, 0, 3]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cut short: 0 bytes"),
        (idx(IMAGES)[:10], "cut short: 10 bytes; its head alone has 16"),
        (idx(IMAGES)[:-5], "cut short: 35 bytes; expected 40"),
        (idx(IMAGES) + b"123", "3 bytes after its end; expected 40"),
        (b"\x00\x00\x0d\x03" + idx(IMAGES)[4:], "0x00000d03; images begin with 0x00000803"),
        (idx(LABELS), "two files mixed up"),
        (gzip.compress(idx(IMAGES), mtime=0), "name it with .gz"),
        (idx(IMAGES.reshape(2, 3, 4)), "2 x 3 x 4 images; expected 2 x 4 x 3"),
        (idx(IMAGES[:1]), "1 x 4 x 3 images; expected 2 x 4 x 3"),
    ],
)
def test_faults_of_idx_images(content, says):
    with pytest.raises(FileFormatError, match=f"the file.*{says}.*Take another copy"):
        images(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (idx(LABELS + 1), "label 0 is 10; expected 0 to 9"),
        (idx(IMAGES), "two files mixed up"),
        (idx(LABELS[:2]), "2 labels; expected 3"),
    ],
)
def test_faults_of_idx_labels(content, says):
    with pytest.raises(FileFormatError, match=says):
        labels(content)


def test_gzip_files_and_their_faults(tmp_path, monkeypatch):
    path, packed = tmp_path / "some.gz", gzip.compress(bytes(1000))
    path.write_bytes(packed)
    assert read_file(path) == bytes(1000)
    flipped = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
    for content in (packed[:-9], flipped, b"no gzip", packed + b"more"):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"some.gz is (damaged, or cut short|no gzip file)"):
            read_file(path)
    with pytest.raises(FileFormatError, match="Cannot read .*absent"):
        read_file(tmp_path / "absent")
    monkeypatch.setattr(unpack, "LIMIT", 999)
    path.write_bytes(packed)
    with pytest.raises(FileFormatError, match="some.gz has more than"):
        read_file(path)


RECORD = batch(4)


def one_batch(content, count=4, label_key="labels", classes=10):
    return read_batch(content, source="the file", count=count, shape=(3, 32, 32), label_key=label_key, classes=classes)


def same(found, record=RECORD):
    assert torch.equal(found.pixels, torch.from_numpy(record[b"data"]).reshape(-1, 3, 32, 32))
    assert found.labels.tolist() == record[b"labels"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_batches_of_this_numpy_are_read(protocol):
    same(one_batch(pickle.dumps(RECORD, protocol=protocol)))
    same(one_batch(pickle.dumps({key.decode(): value for key, value in RECORD.items()}, protocol=protocol)))
    same(one_batch(pickle.dumps(RECORD | {b"data": np.asfortranarray(RECORD[b"data"])}, protocol=protocol)))


def test_batches_of_numpy_1_are_read():
    content = pickle.dumps(RECORD, protocol=0)
    older = content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    assert b"numpy.core.multiarray" in older
    same(one_batch(older))


def test_batches_of_python_2_are_read():
    content = python2_pickle(RECORD)
    plain = pickle.loads(content.replace(b"numpy.core.multi", b"numpy._core.multi"), encoding="bytes")
    assert np.array_equal(plain[b"data"], RECORD[b"data"])  # what is written here is what numpy would read
    same(one_batch(content))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({b"data": RECORD[b"data"][:3]}, "3 x 3072; expected 4 images of 3072 values"),
        ({b"data": RECORD[b"data"][:, :-1]}, "4 x 3071; expected"),
        ({b"data": RECORD[b"data"].reshape(4, 3, 32, 32)}, "expected two sizes"),
        ({b"data": RECORD[b"data"].astype(np.int16)}, "kind 'i2'; expected unsigned bytes"),
        ({b"data": RECORD[b"data"].astype(object)}, "expected unsigned bytes"),
        ({b"data": [1, 2]}, "'data' is a list; expected an array"),
        ({b"labels": [0, 1, 2]}, "3 labels; expected 4"),
        ({b"labels": [0, 1, 10, 2]}, "label 2 is 10; expected 0 to 9"),
        ({b"labels": [0, -1, 1, 2]}, "label 1 is -1"),
        ({b"labels": [0, 1.5, 1, 2]}, "no list of whole numbers"),
        ({b"labels": 7}, "no list of whole numbers"),
    ],
)
def test_faults_of_batches(change, says):
    with pytest.raises(FileFormatError, match=f"the file.*{says}.*Take another copy"):
        one_batch(pickle.dumps(RECORD | change))


def test_bytes_that_do_not_fit_their_shape():
    content = pickle.dumps(RECORD, protocol=2)
    with pytest.raises(FileFormatError, match="bytes for shape"):
        one_batch(content.replace(b"K\x04M\x00\x0c\x86", b"K\x05M\x00\x0c\x86"))


def test_damaged_batches():
    content = pickle.dumps(RECORD)
    for cut in (0, 1, 50, len(content) - 1):
        with pytest.raises(FileFormatError, match="the file is no pickle, or it is cut short.*not a CIFAR batch"):
            one_batch(content[:cut])
    with pytest.raises(FileFormatError, match="5 bytes after the end of the pickle"):
        one_batch(content + b"extra")
    with pytest.raises(FileFormatError, match="holds a list; expected a dictionary"):
        one_batch(pickle.dumps([1]))
    with pytest.raises(FileFormatError, match="lacks 'fine_labels'; it has batch_label, data, filenames, labels.*other CIFAR"):
        one_batch(content, label_key="fine_labels")


def test_class_names():
    def names(content):
        return read_class_names(content, source="the file", key="label_names", count=2)

    assert names(pickle.dumps({b"label_names": [b"cat", b"dog"]})) == ("cat", "dog")
    assert names(python2_pickle({b"label_names": [b"cat", b"dog"]})) == ("cat", "dog")
    for wrong in ([b"cat"], [b"cat", 1], b"cat"):
        with pytest.raises(FileFormatError, match="'label_names' has .*expected 2 names"):
            names(pickle.dumps({b"label_names": wrong}))


def contents(row, path):
    return {name: content for name, _, content in read_unpacked(row, FoundFiles(path.parent, {}, path))}


def test_archives_are_read_in_the_order_of_the_table(tmp_path):
    row, files = small_cifar("cifar100")
    path = tmp_path / "some.tar.gz"
    path.write_bytes(archive(row.folder, files | {"readme.html": b"about"}))
    assert list(contents(row, path).items()) == list(files.items())
    assert list(tmp_path.iterdir()) == [path]


def test_faults_of_archives(tmp_path, monkeypatch):
    row, files = small_cifar("cifar100")
    path, whole = tmp_path / "some.tar.gz", archive(row.folder, files)
    for content in (whole[: len(whole) // 2], whole[:-20], b"no archive", b"", gzip.compress(b"no tar" * 200)):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"some.tar.gz (is damaged|lacks|is no .tar.gz archive)"):
            contents(row, path)
    path.write_bytes(archive("elsewhere", files))
    with pytest.raises(FileFormatError, match="lacks cifar-100-python/meta, cifar-100-python/test, cifar-100-python/train"):
        contents(row, path)
    path.write_bytes(archive("", {f"{row.folder}/train": b"1", f"./{row.folder}/train": b"2"}))
    with pytest.raises(FileFormatError, match="is there twice"):
        contents(row, path)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            member = tarfile.TarInfo(f"{row.folder}/train")
            member.type, member.linkname = kind, "/etc/hostname"
            tar.addfile(member)
        path.write_bytes(stream.getvalue())
        with pytest.raises(FileFormatError, match="is a link, a folder or a file with holes"):
            contents(row, path)
    monkeypatch.setattr(unpack, "LIMIT", 100)
    path.write_bytes(whole)
    with pytest.raises(FileFormatError, match="bytes, too many"):
        contents(row, path)


def test_members_with_paths_outside_are_not_written(tmp_path):
    row, files = small_cifar("cifar100")
    path = tmp_path / "inner" / "some.tar.gz"
    path.parent.mkdir()
    outside = {"../outside": b"1", str(tmp_path / "absolute"): b"2"}
    path.write_bytes(archive("", {f"{row.folder}/{name}": content for name, content in files.items()} | outside))
    assert contents(replace(row), path) == files
    assert [one.name for one in tmp_path.rglob("*")] == ["inner", "some.tar.gz"]
