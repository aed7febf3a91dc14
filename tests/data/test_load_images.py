"""Whole data sets from a folder: where they are looked for, what is verified, what is refused."""

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maskscope.data import DATASETS, check_images, load_images
from maskscope.data.table import Unpacked
from maskscope.errors import DataError, FileFormatError, UnknownNameError
from tests.data.originals import archive, idx, lay, packed, python2_pickle, small_cifar, small_idx

SHARED = Path(__file__).parents[3] / "shared" / "data"


def quiet(text):
    pass


@pytest.fixture
def use(monkeypatch):
    """Puts a row with small counts in the place of the real one."""
    return lambda row: monkeypatch.setitem(DATASETS, row.name, row)


def test_the_table():
    for name, row in DATASETS.items():
        assert name == row.name
        assert all(len(file.md5) == 32 for file in (*row.files, *row.downloads))
        assert len(row.classes) in (0, row.class_count)
    digests = [file.md5 for row in DATASETS.values() for file in (*row.files, *row.downloads)]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("where", ["", "mnist"])
@pytest.mark.parametrize("form", ["gz", "unpacked", "mixed"])
def test_idx_files_in_every_form_and_place_are_the_same_data(tmp_path, use, where, form):
    row, files = small_idx()
    use(row)
    mixed = dict(list(files.items())[:2]) | dict(list(packed(files).items())[2:])
    lay(tmp_path / "here" / where, {"gz": packed(files), "unpacked": files, "mixed": mixed}[form])
    found = load_images("mnist", tmp_path / "here")
    assert found.verified
    assert found.digest == hashlib.sha256(b"".join(files.values())).hexdigest()
    assert found.classes[3] == "three"
    assert found.train.pixels.shape == (6, 1, 5, 3)
    assert found.test.pixels.shape == (4, 1, 5, 3)
    assert found.train.pixels.dtype == torch.uint8
    assert found.train.pixels.numpy().tobytes() == files["train-images-idx3-ubyte"][16:]
    assert found.test.labels.tolist() == list(files["t10k-labels-idx1-ubyte"][8:])
    assert found.test.labels.dtype == torch.int64


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize("form", ["archive", "archive in a folder", "folder", "folder in a folder", "itself"])
def test_cifar_in_every_form_and_place_is_the_same_data(tmp_path, use, name, form):
    row, files = small_cifar(name, write=python2_pickle)
    use(row)
    here = tmp_path / "here"
    inner = here / name if form.endswith("in a folder") else here
    if form.startswith("archive"):
        lay(inner, {row.downloads[0].file: archive(row.folder, files)})
    else:
        lay(inner if form == "itself" else inner / row.folder, files)
    found = load_images(name, here)
    assert found.verified
    assert found.digest == hashlib.sha256(b"".join(files.values())).hexdigest()
    assert found.train.pixels.shape == (10, 3, 32, 32)
    assert found.test.pixels.shape == (3, 3, 32, 32)
    assert len(found.classes) == row.class_count
    first = pickle.loads(files[row.files[0].name].replace(b"numpy.core.m", b"numpy._core.m"), encoding="bytes")
    assert found.train.labels[: len(first[row.label_key.encode()])].tolist() == first[row.label_key.encode()]
    assert found.train.pixels[0].numpy().tobytes() == first[b"data"][0].tobytes()


def test_an_altered_copy_is_used_but_not_verified(tmp_path, use):
    row, files = small_idx()
    use(row)
    name = "train-images-idx3-ubyte"
    lay(tmp_path, files | {name: files[name][:-1] + bytes([files[name][-1] ^ 1])})
    checked = check_images("mnist", tmp_path)
    assert not checked.data.verified
    assert [file.name for file in checked.files if not file.same] == [name]
    assert checked.data.digest != hashlib.sha256(b"".join(files.values())).hexdigest()
    assert load_images("mnist", tmp_path).digest == checked.data.digest


def test_other_counts_are_refused(tmp_path, use):
    row, files = small_idx()
    use(replace(row, train=7))
    lay(tmp_path, files)
    with pytest.raises(FileFormatError, match="6 x 5 x 3 images; expected 7 x 5 x 3"):
        load_images("mnist", tmp_path)
    row, files = small_cifar()
    use(replace(row, train=15))
    lay(tmp_path, files)
    with pytest.raises(FileFormatError, match="data_batch_1: 'data' is 2 x 3072; expected 3 images"):
        load_images("cifar10", tmp_path)


def test_files_of_another_set_are_refused(tmp_path, use):
    row, files = small_idx("mnist")
    use(row)
    use(replace(row, name="fashion-mnist", files=tuple(Unpacked(file.name, "0" * 32) for file in row.files)))
    lay(tmp_path, files)
    with pytest.raises(FileFormatError, match="is a file of mnist, not of fashion-mnist.*a folder of its own"):
        load_images("fashion-mnist", tmp_path)


def test_other_class_names_are_refused(tmp_path, use):
    row, files = small_cifar()
    use(row)
    names = [name.encode() for name in reversed(row.classes)]
    lay(tmp_path, files | {"batches.meta": pickle.dumps({b"label_names": names})})
    with pytest.raises(FileFormatError, match="names the classes truck, .*expected airplane"):
        load_images("cifar10", tmp_path)


def test_the_argument_counts_before_the_variable_and_that_before_the_cache(tmp_path, use, cache, monkeypatch):
    made = {}
    for place, folder in {"argument": tmp_path / "a", "variable": tmp_path / "v", "cache": cache}.items():
        row, files = small_idx()
        lay(folder, files)
        made[place] = hashlib.sha256(b"".join(files.values())).hexdigest()
    use(row)
    assert load_images("mnist").digest == made["cache"]
    monkeypatch.setenv("MASKSCOPE_DATA", str(tmp_path / "v"))
    assert load_images("mnist").digest == made["variable"]
    assert load_images("mnist", tmp_path / "a").digest == made["argument"]


def test_a_named_folder_without_the_files_says_what_to_do_and_stays_as_it_is(tmp_path, monkeypatch):
    lay(tmp_path / "mine", {"train-images-idx3-ubyte": idx(torch.zeros(1, 1, 1).numpy())})
    with pytest.raises(DataError) as caught:
        load_images("mnist", tmp_path / "mine", announce=quiet)
    for part in (
        str(tmp_path / "mine" / "mnist"),
        "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz   MD5 ec29112dd5afa0611ce80d1b7f02629c",
        "Only these are there: ",
        "maskscope data fetch mnist --data-dir",
    ):
        assert part in str(caught.value)
    monkeypatch.setenv("MASKSCOPE_DATA", str(tmp_path / "mine"))
    with pytest.raises(DataError, match="cifar-100-python with train, test, meta"):
        load_images("cifar100", announce=quiet)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["train-images-idx3-ubyte"]


def test_folders_and_names_that_are_not_there(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="--data-dir names .*absent, which does not exist"):
        load_images("mnist", tmp_path / "absent")
    (tmp_path / "file").touch()
    monkeypatch.setenv("MASKSCOPE_DATA", str(tmp_path / "file"))
    with pytest.raises(DataError, match="MASKSCOPE_DATA names .*file, which is a file"):
        load_images("mnist")
    with pytest.raises(DataError, match="MD5"):
        check_images("mnist", tmp_path)
    for read in (load_images, check_images):
        with pytest.raises(UnknownNameError, match="no data set 'minst'. Did you mean 'mnist'"):
            read("minst", tmp_path)


def test_the_real_mnist():
    if not (SHARED / "mnist").is_dir():
        pytest.skip(f"there is no copy of MNIST in {SHARED}")
    found = load_images("mnist", SHARED)
    assert found.verified
    assert found.digest == "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a"
    assert found.train.pixels.shape == (60_000, 1, 28, 28)
    assert found.test.pixels.shape == (10_000, 1, 28, 28)
    assert found.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
