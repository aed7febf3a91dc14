"""Data sets as other programs leave them: read, or "found this, expected that"."""

import hashlib
import os

import pytest

from maskscope.data import DATA_VARIABLE, DATASETS, load_images, named_folder, place_named
from maskscope.data.places import cache_folder
from maskscope.errors import ConfigError, DataError, FileFormatError
from tests.data.originals import archive, lay, packed, small_cifar, small_idx


@pytest.fixture
def mnist(monkeypatch):
    row, files = small_idx()
    monkeypatch.setitem(DATASETS, row.name, row)
    return files


def is_read(name, folder, files):
    found = load_images(name, folder)
    assert found.verified
    assert found.digest == hashlib.sha256(b"".join(files.values())).hexdigest()


@pytest.mark.parametrize("named", [".", "MNIST", "MNIST/raw"])
@pytest.mark.parametrize("form", [dict, packed])
def test_as_torchvision_leaves_it(tmp_path, mnist, named, form):
    lay(tmp_path / "here" / "MNIST" / "raw", form(mnist))
    is_read("mnist", tmp_path / "here" / named, mnist)


def test_names_with_a_dot_and_a_folder_for_each_file(tmp_path, mnist):
    lay(tmp_path / "dot", {name.replace("-idx", ".idx"): content for name, content in mnist.items()})
    is_read("mnist", tmp_path / "dot", mnist)
    for name, content in mnist.items():
        lay(tmp_path / "each" / name, {name: content})
        lay(tmp_path / "other" / name, {name.replace("-idx", ".idx"): content})
    is_read("mnist", tmp_path / "each", mnist)
    is_read("mnist", tmp_path / "other", mnist)


def test_what_a_file_holds_counts_and_not_its_name(tmp_path, mnist):
    lay(tmp_path / "unpacked", {f"{name}.gz": content for name, content in mnist.items()})
    is_read("mnist", tmp_path / "unpacked", mnist)
    lay(tmp_path / "packed", {name.removesuffix(".gz"): content for name, content in packed(mnist).items()})
    is_read("mnist", tmp_path / "packed", mnist)


@pytest.mark.parametrize("broken", [b"", b"\0\0\x08\x03"])
def test_a_whole_file_beside_a_broken_one(tmp_path, mnist, broken):
    lay(tmp_path / "both", {**packed(mnist), "train-images-idx3-ubyte": broken})
    is_read("mnist", tmp_path / "both", mnist)
    lay(tmp_path / "one", {**mnist, "train-images-idx3-ubyte": broken})
    with pytest.raises(FileFormatError, match="cut short"):
        load_images("mnist", tmp_path / "one")


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>", b"\n <html>"])
def test_an_error_page_in_place_of_the_files(tmp_path, mnist, page):
    lay(tmp_path / "html", dict.fromkeys(packed(mnist), page))
    with pytest.raises(FileFormatError, match=r"\.gz is no gzip file: it is a web page.*Take another copy"):
        load_images("mnist", tmp_path / "html")
    row, _ = small_cifar()
    lay(tmp_path / "cifar", {row.downloads[0].file: page})
    with pytest.raises(FileFormatError, match="it is a web page"):
        load_images("cifar10", tmp_path / "cifar")


@pytest.mark.parametrize("outer", ["cifar-10-batches-py", "cifar-10-python"])
def test_an_archive_unpacked_into_a_folder_of_its_own_name(tmp_path, monkeypatch, outer):
    row, files = small_cifar()
    monkeypatch.setitem(DATASETS, row.name, row)
    lay(tmp_path / "here" / outer / row.folder, files)
    is_read("cifar10", tmp_path / "here", files)


def test_what_lies_there_instead_is_listed(tmp_path):
    lay(tmp_path / "here", {f"data_batch_{number}.bin": b"" for number in range(1, 6)})
    with pytest.raises(DataError, match=r"there is: data_batch_1\.bin.*These \.bin files are the binary version"):
        load_images("cifar10", tmp_path / "here")
    lay(tmp_path / "many", {f"{number:03}.png": b"" for number in range(100)})
    with pytest.raises(DataError, match=r"000\.png, .*, and 92 more\."):
        load_images("mnist", tmp_path / "many")
    lay(tmp_path / "empty", {})
    with pytest.raises(DataError, match="empty is empty"):
        load_images("mnist", tmp_path / "empty")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_pipes_and_devices_are_no_data(tmp_path, mnist):
    for name in mnist:
        os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="are not in"):
        load_images("mnist", tmp_path)
    (tmp_path / "cifar").mkdir()
    (tmp_path / "cifar" / "cifar-10-python.tar.gz").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="are not in"):
        load_images("cifar10", tmp_path / "cifar")


def test_a_whole_archive_is_still_read(tmp_path, monkeypatch):
    row, files = small_cifar()
    monkeypatch.setitem(DATASETS, row.name, row)
    lay(tmp_path / "here", {row.downloads[0].file: archive(row.folder, files)})
    is_read("cifar10", tmp_path / "here", files)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("~nobody-of-this-name/x", "knows no home folder"),
        ("x" * 10_000, "cannot be a path"),
        ("a\udcff", "no text in UTF-8"),
    ],
)
def test_a_variable_that_names_no_place(monkeypatch, said, message):
    monkeypatch.setenv(DATA_VARIABLE, said)
    with pytest.raises(ConfigError, match=f"The environment variable MASKSCOPE_DATA is .*{message}"):
        place_named(None)


def test_a_tilde_is_the_home_folder_and_nothing_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv(DATA_VARIABLE, "~/data")
    assert named_folder(None) == tmp_path / "data"
    with pytest.raises(DataError, match="MASKSCOPE_DATA names .*data, which does not exist"):
        place_named(None)
    (tmp_path / "data").write_text("")
    with pytest.raises(DataError, match="which is a file; expected a folder"):
        place_named(None)
    monkeypatch.setenv(DATA_VARIABLE, "")
    assert named_folder(None) is None


def test_no_home_at_all(monkeypatch):
    monkeypatch.setattr("maskscope.data.places.user_cache_dir", lambda name: f"~/.cache/{name}")
    with pytest.raises(DataError, match="knows no home folder of this user. Name a folder with --data-dir"):
        cache_folder()

    def fail(name):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("maskscope.data.places.user_cache_dir", fail)
    with pytest.raises(DataError, match="knows no home folder of this user. Name a folder with --data-dir"):
        cache_folder()
