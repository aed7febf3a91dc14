"""Where a data set is looked for, and which files of it are there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pooch

from maskscope.data.table import DataSet
from maskscope.errors import DataError

DATA_VARIABLE = "MASKSCOPE_DATA"


@dataclass(frozen=True)
class Place:
    """A folder to look into.

    Args:
        folder: it has the set's files, or a folder that is called like the set.
        cache: whether it is the cache, the only place that is downloaded into without being told.
    """

    folder: Path
    cache: bool


@dataclass(frozen=True)
class FoundFiles:
    """A whole data set on disk, by its files' presence alone.

    Args:
        folder: where it lies.
        paths: each unpacked name with its file, which may be compressed; empty if there is an archive.
        archive: the archive that has them all.
    """

    folder: Path
    paths: Mapping[str, Path]
    archive: Path | None = None


def place_named(data_dir: Path | None) -> Place:
    """The folder that counts: the argument, else the environment variable, else the cache.

    Args:
        data_dir: what the user named, if anything.

    Raises:
        DataError: the user named a folder that is not there.
    """
    said = os.environ.get(DATA_VARIABLE, "")
    if data_dir is None and not said:
        return Place(cache_folder(), cache=True)
    folder = Path(said if data_dir is None else data_dir).expanduser()
    if not folder.is_dir():
        by = f"The environment variable {DATA_VARIABLE}" if data_dir is None else "--data-dir"
        found = "is a file" if folder.exists() else "does not exist"
        raise DataError(
            f"{by} names {folder}, which {found}; expected a folder with the files of the data sets, or with a folder for each "
            "set. `maskscope data list` says which files. Without it, they are downloaded into a cache."
        )
    return Place(folder, cache=False)


def cache_folder() -> Path:
    """The user's cache, as the operating system has it."""
    return Path(pooch.os_cache("maskscope"))


def find_files(dataset: DataSet, place: Place) -> FoundFiles | None:
    """The first place that has all files of a set: ``<folder>/<name>``, then ``<folder>``; ``None`` if neither has."""
    for folder in candidates(dataset, place):
        found = _find_loose(dataset, folder) if dataset.layout == "idx" else _find_batches(dataset, folder)
        if found:
            return found
    return None


def candidates(dataset: DataSet, place: Place) -> tuple[Path, Path]:
    """The folders that are looked into, in this order."""
    return place.folder / dataset.name, place.folder


def explain_absence(dataset: DataSet, place: Place) -> str:
    """What is missing, where it is to be had, how to check it, and where to put it."""
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
    if place.cache:
        lines.append(f"Put them into {first}, or into another folder that you name with --data-dir or {DATA_VARIABLE}.")
    else:
        lines.append(
            f"Put them into {first} (nothing is downloaded into a folder that you name, unless you say so: "
            f"maskscope data fetch {dataset.name} --data-dir {place.folder})."
        )
    return "\n".join(lines)


def _find_loose(dataset: DataSet, folder: Path) -> FoundFiles | None:
    paths = {file.name: path for file in dataset.files if (path := _loose(folder, file.name))}
    return FoundFiles(folder, paths) if len(paths) == len(dataset.files) else None


def _loose(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _find_batches(dataset: DataSet, folder: Path) -> FoundFiles | None:
    for inner in (folder / dataset.folder, folder):
        paths = {file.name: inner / file.name for file in dataset.files}
        if all(path.is_file() for path in paths.values()):
            return FoundFiles(inner, paths)
    archive = folder / dataset.downloads[0].file
    return FoundFiles(folder, {}, archive) if archive.is_file() else None


def _part_there(dataset: DataSet, place: Place) -> list[str]:
    found = []
    for folder in candidates(dataset, place):
        for inner in (folder / dataset.folder, folder) if dataset.folder else (folder,):
            found += [str(path) for file in dataset.files if (path := _loose(inner, file.name))]
    return found
