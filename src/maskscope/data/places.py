"""Searches the files of a data set in the folders where they may be."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_dir

from maskscope.data.table import DataSet
from maskscope.errors import DataError
from maskscope.storage import user_path

DATA_VARIABLE = "MASKSCOPE_DATA"
_MOST_SHOWN = 8


@dataclass(frozen=True)
class Place:
    """A folder in which data sets are searched.

    Args:
        folder: contains the files of a data set, or a folder with the name of the data set.
        cache: whether it is the cache: files are downloaded into the cache without asking, into other folders only on request.
    """

    folder: Path
    cache: bool


@dataclass(frozen=True)
class FoundFiles:
    """A data set of which all files exist; their content is not checked.

    Args:
        folder: the folder with the files.
        paths: the path of each file by its uncompressed name; the file may be compressed. Empty if there is an archive.
        archive: an archive with all files.
    """

    folder: Path
    paths: Mapping[str, Path]
    archive: Path | None = None


def place_named(data_dir: Path | None) -> Place:
    """The folder to search: the argument, else the environment variable, else the cache.

    Args:
        data_dir: the folder that the user named, or None.

    Raises:
        ConfigError: the name cannot be a path.
        DataError: the user named a folder that does not exist, or there is no cache.
    """
    folder = named_folder(data_dir)
    if folder is None:
        return Place(cache_folder(), cache=True)
    if not os.path.isdir(folder):
        by = f"The environment variable {DATA_VARIABLE}" if data_dir is None else "--data-dir"
        raise DataError(
            f"{by} names {folder}, which {_what_is_there(folder)}; expected a folder with the files of the data sets, or with a "
            "folder for each set. `maskscope data list` says which files. Without it, they are downloaded into a cache."
        )
    return Place(folder, cache=False)


def named_folder(data_dir: Path | None) -> Path | None:
    """The data folder that the user named: the argument, else the environment variable, else None.

    Raises:
        ConfigError: it cannot be a path.
    """
    if data_dir is not None:
        return user_path(data_dir, argument="--data-dir")
    said = os.environ.get(DATA_VARIABLE, "")
    return user_path(said, argument=f"The environment variable {DATA_VARIABLE}") if said else None


def cache_folder() -> Path:
    """The cache folder of this user on this operating system.

    Raises:
        DataError: the system knows no home folder of the user.
        ConfigError: it cannot be a path.
    """
    try:
        folder = user_cache_dir("maskscope")
    except RuntimeError:
        folder = "~"
    # some versions return "~" if the home folder is unknown; it would become a folder of that name
    if folder.startswith("~"):
        raise DataError(
            "There is no cache to look into: the system knows no home folder of this user. Name a folder with --data-dir, or "
            f"with the environment variable {DATA_VARIABLE}; or set HOME."
        )
    return user_path(folder, argument="The cache")


def find_files(dataset: DataSet, place: Place) -> FoundFiles | None:
    """Searches all files of a data set in ``<folder>/<name>``, then in ``<folder>``; ``None`` if they are in neither.

    In each of them, the folders in which other programs store the files are searched too.
    """
    for folder in candidates(dataset, place):
        for inner in (folder, *(folder / left for left in dataset.left_in)):
            found = _find_loose(dataset, inner) if dataset.layout == "idx" else _find_batches(dataset, inner)
            if found:
                return found
    return None


def candidates(dataset: DataSet, place: Place) -> tuple[Path, Path]:
    """The folders that are searched, in this order."""
    return place.folder / dataset.name, place.folder


def explain_absence(dataset: DataSet, place: Place) -> str:
    """A message that says which files are missing, where to get them, how to check them, and where to put them."""
    first, second = candidates(dataset, place)
    lines = [f"The files of {dataset.name} are not in {first} and not in {second}.", "They are:"]
    lines += [f"  {one.file}   {one.address}   MD5 {one.md5}" for one in dataset.downloads]
    if dataset.layout == "idx":
        lines.append("with .gz or unpacked.")
    else:
        lines.append(f"as it is, or unpacked: the folder {dataset.folder} with {', '.join(file.name for file in dataset.files)}.")
    there = _part_there(dataset, place)
    if there:
        lines.append(f"Only these are there: {', '.join(there)}.")
    elif others := _others_there(place):
        lines.append(others)
    if place.cache:
        lines.append(f"Put them into {first}, or into another folder that you name with --data-dir or {DATA_VARIABLE}.")
    else:
        lines.append(
            f"Put them into {first} (nothing is downloaded into a folder that you name, unless you say so: "
            f"maskscope data fetch {dataset.name} --data-dir {place.folder})."
        )
    return "\n".join(lines)


def _find_loose(dataset: DataSet, folder: Path) -> FoundFiles | None:
    paths = {file.name: path for file in dataset.files if (path := _loose(dataset, folder, file.name))}
    return FoundFiles(folder, paths) if len(paths) == len(dataset.files) else None


def _loose(dataset: DataSet, folder: Path, name: str) -> Path | None:
    """A file under any of its usual names; if there are several, one of the right size is preferred."""
    dotted = name.replace("-idx", ".idx")  # as some archivers write it
    spellings = [folder / one for one in (name, dotted, f"{name}/{name}", f"{dotted}/{dotted}", f"{name}/{dotted}")]
    there = [path for one in spellings for path in (one, one.with_name(f"{one.name}.gz")) if os.path.isfile(path)]
    whole = [path for path in there if path.suffix == ".gz" or path.stat().st_size == dataset.bytes_of(name)]
    return next(iter([*whole, *there]), None)


def _find_batches(dataset: DataSet, folder: Path) -> FoundFiles | None:
    for inner in (folder / dataset.folder, folder):
        paths = {file.name: inner / file.name for file in dataset.files}
        if all(os.path.isfile(path) for path in paths.values()):
            return FoundFiles(inner, paths)
    archive = folder / dataset.downloads[0].file
    return FoundFiles(folder, {}, archive) if os.path.isfile(archive) else None


def _part_there(dataset: DataSet, place: Place) -> list[str]:
    found = []
    for folder in candidates(dataset, place):
        for inner in (folder / dataset.folder, folder) if dataset.folder else (folder,):
            found += [str(path) for file in dataset.files if (path := _loose(dataset, inner, file.name))]
    return found


def _others_there(place: Place) -> str:
    """A sentence that lists the content of the folder, so that the user can see what is wrong."""
    try:
        names = sorted(path.name for path in place.folder.iterdir())
    except OSError as error:
        return "" if place.cache else f"{place.folder} cannot be read: {error.strerror or error}."
    if not names:
        return f"{place.folder} is empty."
    more = f", and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    binary = " These .bin files are the binary version; the Python version is read." if _has_binary(names) else ""
    return f"In {place.folder} there is: {', '.join(name[:60] for name in names[:_MOST_SHOWN])}{more}.{binary}"


def _has_binary(names: list[str]) -> bool:
    return any(name in ("data_batch_1.bin", "train.bin", "cifar-10-batches-bin", "cifar-100-binary") for name in names)


def _what_is_there(folder: Path) -> str:
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return "is a file" if stat.S_ISREG(mode) else "is not a folder"
