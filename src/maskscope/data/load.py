"""Loads a data set: finds its files or downloads them into the cache, reads them, and checks counts and checksums."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from maskscope.data.batches import read_batch, read_class_names
from maskscope.data.download import fetch, say
from maskscope.data.idx import read_idx_images, read_idx_labels
from maskscope.data.images import ImageData, Images
from maskscope.data.places import FoundFiles, explain_absence, find_files, place_named
from maskscope.data.table import DATASETS, DataSet, dataset_named
from maskscope.data.unpack import read_unpacked
from maskscope.errors import DataError, FileFormatError


@dataclass(frozen=True)
class CheckedFile:
    """A file of a data set and its checksum.

    Args:
        name: its name, without ``.gz``.
        expected: the published MD5 of its uncompressed bytes.
        found: the MD5 of its uncompressed bytes on this machine.
    """

    name: str
    expected: str
    found: str

    @property
    def same(self) -> bool:
        """Whether it is the published file."""
        return self.expected == self.found


@dataclass(frozen=True, eq=False)
class CheckedSet:
    """A data set whose files were read and compared with their checksums.

    Args:
        data: the images.
        files: the files, in the order of the table.
        found: where the files are.
    """

    data: ImageData
    files: tuple[CheckedFile, ...]
    found: FoundFiles


def load_images(name: str, data_dir: Path | None = None, *, announce: Callable[[str], None] = say) -> ImageData:
    """Loads a data set from the user's folder, or from the cache; if the cache does not have it, it is downloaded first.

    Files with other than the published checksums are used if their structure and counts are right; ``verified`` is then False.

    Args:
        name: a name in `DATASETS`.
        data_dir: the files are searched in ``<data_dir>/<name>``, then in ``<data_dir>``. By default, the folder in the
            environment variable ``MASKSCOPE_DATA``; without that, the cache. Files are only downloaded into the cache.
        announce: called with a line of text before something that takes long.

    Raises:
        UnknownNameError: there is no data set of this name.
        DataError: the files are missing, and cannot be downloaded, or may not be because the user named a folder.
        FileFormatError: a file is damaged, of another format, or has other counts; no code in it was run.
    """
    dataset, place = dataset_named(name), place_named(data_dir)
    found = find_files(dataset, place)
    if found is None and place.cache:
        fetch(name, announce=announce)
        found = find_files(dataset, place)
    if found is None:
        raise DataError(explain_absence(dataset, place))
    return read_set(dataset, found).data


def check_images(name: str, data_dir: Path | None = None) -> CheckedSet:
    """Reads a data set like `load_images`, but never downloads it; also tells which files are the published ones.

    Raises:
        UnknownNameError: there is no data set of this name.
        DataError: the files are missing.
        FileFormatError: a file is damaged, of another format, or has other counts; no code in it was run.
    """
    dataset, place = dataset_named(name), place_named(data_dir)
    found = find_files(dataset, place)
    if found is None:
        raise DataError(explain_absence(dataset, place))
    return read_set(dataset, found)


def read_set(dataset: DataSet, found: FoundFiles) -> CheckedSet:
    """Reads the files of a data set, one after the other."""
    digest, checked = hashlib.sha256(), []
    parts: list[Images] = []
    pixels, classes = None, dataset.classes
    last = dataset.files[-1].name
    for index, (name, source, content) in enumerate(read_unpacked(dataset, found)):
        digest.update(content)
        checked.append(_compare(dataset, index, content, source))
        if dataset.layout == "idx":
            count = (dataset.train, dataset.test)[index // 2]
            if index % 2 == 0:
                pixels = read_idx_images(content, source=source, count=count, shape=dataset.shape)
            elif pixels is not None:
                parts.append(Images(pixels, read_idx_labels(content, source=source, count=count, classes=dataset.class_count)))
        elif name == last:
            classes = _class_names(dataset, content, source)
        else:
            is_train, batches = index < len(dataset.files) - 2, len(dataset.files) - 2
            parts.append(
                read_batch(
                    content,
                    source=source,
                    count=dataset.train // batches if is_train else dataset.test,
                    shape=dataset.shape,
                    label_key=dataset.label_key,
                    classes=dataset.class_count,
                )
            )
    data = ImageData(
        dataset.name,
        classes,
        train=_joined(parts[:-1]),
        test=parts[-1],
        verified=all(file.same for file in checked),
        digest=digest.hexdigest(),
    )
    return CheckedSet(data, tuple(checked), found)


def _class_names(dataset: DataSet, content: bytes, source: str) -> tuple[str, ...]:
    names = read_class_names(content, source=source, key=dataset.names_key, count=dataset.class_count)
    if dataset.classes and names != dataset.classes:
        raise FileFormatError(
            f"{source} names the classes {', '.join(names)[:300]}; expected {', '.join(dataset.classes)}, in this order: the "
            "labels would mean something else. Take another copy."
        )
    return names


def _compare(dataset: DataSet, index: int, content: bytes, source: str) -> CheckedFile:
    expected = dataset.files[index]
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    for other in DATASETS.values():
        # The file names of mnist and fashion-mnist are the same, and so are their counts and shapes.
        if other.name != dataset.name and any(file.md5 == found for file in other.files):
            raise FileFormatError(
                f"{source} is a file of {other.name}, not of {dataset.name}. Put each set into a folder of its own: "
                f".../{dataset.name}/ and .../{other.name}/."
            )
    return CheckedFile(expected.name, expected.md5, found)


def _joined(parts: list[Images]) -> Images:
    if len(parts) == 1:
        return parts[0]
    return Images(torch.cat([part.pixels for part in parts]), torch.cat([part.labels for part in parts]))
