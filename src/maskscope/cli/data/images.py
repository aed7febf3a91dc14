"""Data sets of images: list, fetch, check."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from tyro.conf import Positional

from maskscope.cli.words.parsing import parse
from maskscope.columns import print_columns, print_paragraph
from maskscope.data import (
    DATA_VARIABLE,
    DATASETS,
    CheckedSet,
    DataSet,
    check_images,
    dataset_named,
    fetch,
    find_files,
    place_named,
)
from maskscope.data.places import FoundFiles, candidates
from maskscope.errors import ConfigError, DataError

Names = Annotated[tuple[str, ...], tyro.conf.arg(help=f"Data sets: {', '.join(DATASETS)}.", metavar="[NAME ...]")]
DataDir = Annotated[
    Path | None,
    tyro.conf.arg(
        help="Folder to look into, itself and its subfolder of the set's name. Without it: the environment variable "
        f"{DATA_VARIABLE}, else the cache."
    ),
]


@dataclass(frozen=True)
class ListOptions:
    """Print the data sets, where each would be looked for, and whether its files are there. Reads none of them.

    maskscope data list
    maskscope data list mnist --data-dir /data
    """

    names: Positional[Names] = ()
    data_dir: DataDir = None
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


@dataclass(frozen=True)
class FetchOptions:
    """Download data sets into the cache, or into --data-dir. Checksums are compared; what broke off is gone on with.

    maskscope data fetch mnist cifar10
    """

    names: Positional[Names] = ()
    data_dir: Annotated[
        Path | None, tyro.conf.arg(help="Folder to download into: each set gets a subfolder of its name. Without it: the cache.")
    ] = None
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


@dataclass(frozen=True)
class CheckOptions:
    """Read data sets as a study would: counts, shapes, labels, and the checksum of every file. Downloads nothing.

      maskscope data check mnist

    "verified": every file is the published one. "unverified copy": structure and counts are right and the data can be used,
    but these files differ from the published ones, so say so beside any number.
    """

    names: Positional[Names] = ()
    """Without names: all that are there."""
    data_dir: DataDir = None
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


def list_data(words: list[str]) -> None:
    """Shows which data sets there are."""
    options = parse(ListOptions, words, "data list")
    place = place_named(options.data_dir)
    rows = []
    for dataset in _chosen(options.names) or list(DATASETS.values()):
        found = find_files(dataset, place)
        rows.append(
            {
                "name": dataset.name,
                "summary": dataset.summary,
                "train": dataset.train,
                "test": dataset.test,
                "shape": list(dataset.shape),
                "classes": dataset.class_count,
                "looked_for_in": [str(folder) for folder in candidates(dataset, place)],
                "present": found is not None,
                "where": None if found is None else _where(found),
                "downloads": [{"file": one.file, "address": one.address, "md5": one.md5} for one in dataset.downloads],
            }
        )
    if options.as_json:
        print(json.dumps(rows, indent=1))
        return
    console = Console()
    for dataset, row in zip(_chosen(options.names) or DATASETS.values(), rows, strict=True):
        print_paragraph(console, dataset.name, style="bold")
        print_paragraph(console, f"{dataset.summary}: {_sizes(dataset)}", indent=2)
        if row["present"]:
            print_paragraph(console, f"is in {row['where']}", indent=2)
            continue
        print_paragraph(console, f"is not in {' and not in '.join(map(str, candidates(dataset, place)))}", indent=2)
        rows_of_files = [(one.file, one.address, one.md5) for one in dataset.downloads]
        print_columns(console, ("file", "address", "MD5"), rows_of_files, indent=4)


def fetch_data(words: list[str]) -> None:
    """Downloads."""
    options = parse(FetchOptions, words, "data fetch")
    chosen = _chosen(options.names)
    if not chosen:
        raise ConfigError(f"Name what to download: maskscope data fetch NAME ..., one or more of {', '.join(DATASETS)}.")
    folders = {dataset.name: str(fetch(dataset.name, options.data_dir)) for dataset in chosen}
    if options.as_json:
        print(json.dumps(folders, indent=1))
        return
    for name, folder in folders.items():
        print(f"{name} is in {folder}")
    if options.data_dir is None and os.environ.get(DATA_VARIABLE):
        print(
            f"{DATA_VARIABLE} is set, so that the cache is not looked into: unset it, or fetch with --data-dir "
            f"{os.environ[DATA_VARIABLE]}."
        )


def check_data(words: list[str]) -> None:
    """Reads and compares."""
    options = parse(CheckOptions, words, "data check")
    place = place_named(options.data_dir)
    chosen = _chosen(options.names) or [dataset for dataset in DATASETS.values() if find_files(dataset, place)]
    if not chosen:
        raise DataError(
            f"There is no data set in {place.folder}. `maskscope data list` says which files are looked for, and where."
        )
    reports = []
    for dataset in chosen:
        checked = check_images(dataset.name, options.data_dir)
        reports.append(_as_json(checked))
        if not options.as_json:
            _print_checked(dataset, checked)
    if options.as_json:
        print(json.dumps(reports, indent=1))


def _chosen(names: tuple[str, ...]) -> list[DataSet]:
    return [dataset_named(name) for name in dict.fromkeys(names)]


def _where(found: FoundFiles) -> str:
    return str(found.archive or found.folder)


def _sizes(dataset: DataSet) -> str:
    shape = " x ".join(str(size) for size in dataset.shape)
    return f"{dataset.train:,} + {dataset.test:,} images of {shape}, {dataset.class_count} classes"


def _as_json(checked: CheckedSet) -> dict[str, object]:
    data = checked.data
    return {
        "name": data.name,
        "where": _where(checked.found),
        "verified": data.verified,
        "sha256": data.digest,
        "train": list(data.train.pixels.shape),
        "test": list(data.test.pixels.shape),
        "classes": list(data.classes),
        "files": [{"name": one.name, "md5": one.found, "published_md5": one.expected} for one in checked.files],
    }


def _print_checked(dataset: DataSet, checked: CheckedSet) -> None:
    print(f"{dataset.name}: {'verified' if checked.data.verified else 'unverified copy'}\n  {_sizes(dataset)}")
    print(f"  from {_where(checked.found)}\n  SHA-256 of all files {checked.data.digest}")
    for file in checked.files:
        print(f"  {file.name:<24}{'as published' if file.same else f'differs: MD5 {file.found}, published {file.expected}'}")
