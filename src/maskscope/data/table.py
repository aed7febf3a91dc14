"""The known data sets: addresses, published checksums, counts, shapes and class names.

To add a data set in one of the two layouts, add one row here.
"""

import math
from dataclasses import dataclass
from typing import Literal

from maskscope.errors import UnknownNameError


@dataclass(frozen=True)
class Download:
    """A file to download.

    Args:
        file: its name.
        address: its URL.
        md5: the published checksum of the downloaded (compressed) file, in hexadecimal.
    """

    file: str
    address: str
    md5: str


@dataclass(frozen=True)
class Unpacked:
    """A file of a data set in its uncompressed form.

    Args:
        name: its name.
        md5: the published checksum of its bytes, in hexadecimal.
    """

    name: str
    md5: str


@dataclass(frozen=True)
class DataSet:
    """A data set that maskscope can read: a row of the table.

    Args:
        name: its name on the command line.
        summary: its content in a few words.
        layout: ``"idx"``: four files, images and labels for training and for the test. ``"cifar"``: Python batch files; the
            last file has the class names, the one before it the test images, the others the training images.
        downloads: the files to download.
        files: the uncompressed files, in the order in which they are read and in which the digest is computed.
        train: number of training images.
        test: number of test images.
        shape: channels, height, width of an image.
        class_count: number of classes.
        classes: their names; empty if they are only read from the files.
        folder: the folder inside the archive (``"cifar"`` only).
        label_key: the key of the labels in the batch files (``"cifar"`` only).
        names_key: the key of the class names in the last file (``"cifar"`` only).
        left_in: folders in which other programs store the files.
    """

    name: str
    summary: str
    layout: Literal["idx", "cifar"]
    downloads: tuple[Download, ...]
    files: tuple[Unpacked, ...]
    train: int
    test: int
    shape: tuple[int, int, int]
    class_count: int
    classes: tuple[str, ...] = ()
    folder: str = ""
    label_key: str = ""
    names_key: str = ""
    left_in: tuple[str, ...] = ()

    def bytes_of(self, name: str) -> int | None:
        """The length of an uncompressed file in bytes; None for the layout ``"cifar"``, where it is not known."""
        if self.layout != "idx":
            return None
        place = [file.name for file in self.files].index(name)
        count = (self.train, self.test)[place // 2]
        return 8 + count if place % 2 else 16 + count * math.prod(self.shape)


_IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def _idx(
    name: str,
    summary: str,
    address: str,
    packed: tuple[str, ...],
    unpacked: tuple[str, ...],
    classes: tuple[str, ...],
    torchvision: str,
) -> DataSet:
    return DataSet(
        name,
        summary,
        "idx",
        downloads=tuple(Download(f"{file}.gz", f"{address}{file}.gz", md5) for file, md5 in zip(_IDX_FILES, packed, strict=True)),
        files=tuple(Unpacked(file, md5) for file, md5 in zip(_IDX_FILES, unpacked, strict=True)),
        train=60_000,
        test=10_000,
        shape=(1, 28, 28),
        class_count=10,
        classes=classes,
        left_in=(f"{torchvision}/raw", "raw"),
    )


_ROWS = (
    _idx(
        "mnist",
        "handwritten digits, grey",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        packed=(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        unpacked=(
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
        classes=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        torchvision="MNIST",
    ),
    _idx(
        "fashion-mnist",
        "pieces of clothing, grey",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        packed=(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        # The authors publish checksums of the .gz files only. These are of the files in Debian's package dataset-fashion-mnist,
        # which compresses them again; others report the same checksums for the published files when unpacked.
        unpacked=(
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
        classes=("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        torchvision="FashionMNIST",
    ),
    DataSet(
        "cifar10",
        "small colour photographs, ten classes",
        "cifar",
        downloads=(
            Download(
                "cifar-10-python.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "c58f30108f718f92721af3b95e74349a",
            ),
        ),
        files=(
            Unpacked("data_batch_1", "c99cafc152244af753f735de768cd75f"),
            Unpacked("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
            Unpacked("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
            Unpacked("data_batch_4", "634d18415352ddfa80567beed471001a"),
            Unpacked("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
            Unpacked("test_batch", "40351d587109b95175f43aff81a1287e"),
            Unpacked("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
        ),
        train=50_000,
        test=10_000,
        shape=(3, 32, 32),
        class_count=10,
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        folder="cifar-10-batches-py",
        left_in=("cifar-10-batches-py", "cifar-10-python"),
        label_key="labels",
        names_key="label_names",
    ),
    DataSet(
        "cifar100",
        "small colour photographs, a hundred classes",
        "cifar",
        downloads=(
            Download(
                "cifar-100-python.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
                "eb9058c3a382ffc7106e4002c42a8d85",
            ),
        ),
        files=(
            Unpacked("train", "16019d7e3df5f24257cddd939b257f8d"),
            Unpacked("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),
            Unpacked("meta", "7973b15100ade9c7d40fb424638fde48"),
        ),
        train=50_000,
        test=10_000,
        shape=(3, 32, 32),
        class_count=100,
        folder="cifar-100-python",
        left_in=("cifar-100-python",),
        label_key="fine_labels",
        names_key="fine_label_names",
    ),
)
DATASETS: dict[str, DataSet] = {row.name: row for row in _ROWS}


def dataset_named(name: str) -> DataSet:
    """The data set with this name.

    Raises:
        UnknownNameError: there is no such data set.
    """
    if name not in DATASETS:
        raise UnknownNameError("data set", name, DATASETS)
    return DATASETS[name]
