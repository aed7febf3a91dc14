"""SCAN in the published file format: one line for each command, ``IN: <words> OUT: <actions>``."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from maskscope.errors import FileFormatError
from maskscope.storage import read_plain, write_bytes
from maskscope.tasks.scan_grammar import ACTIONS, Command, Split

_LINE = re.compile(r"IN: (\S+(?: \S+)*) OUT: (\S+(?: \S+)*)")
_SHOWN = 80
_MOST_SHOWN = 8
# The published files have up to 4 MB, and lines of up to 600 characters.
_LARGEST = 32 * 2**20
_LONGEST_LINE = 2000
_REPOSITORY = ("simple_split", "length_split", "add_prim_split")
_SOURCE = (
    "A split of SCAN is the two files tasks_train_NAME.txt and tasks_test_NAME.txt of the published repository; "
    "`maskscope data export scan` writes all but the published `simple`."
)


def file_names(split: str) -> tuple[str, str]:
    """The published names of a split's training and test files."""
    return f"tasks_train_{split}.txt", f"tasks_test_{split}.txt"


def write_split(split: Split, name: str, folder: Path) -> list[Path]:
    """Writes both parts of a split under their published names, and returns the paths."""
    paths = [folder / file for file in file_names(name)]
    for path, commands in zip(paths, (split.train, split.test), strict=True):
        write_bytes(path, as_text(commands).encode())
    return paths


def as_text(commands: Iterable[Command]) -> str:
    """The commands as text, one line each."""
    return "".join(f"IN: {command.words} OUT: {' '.join(command.actions)}\n" for command in commands)


def read_split(name: str, folder: Path) -> Split:
    """Reads a split from a folder with the published files, or with a clone of the published repository.

    Raises:
        FileFormatError: a file is missing or is not a plain file, or one of its lines is not in the format of SCAN.
    """
    train, test = (_read(_find(file, folder)) for file in file_names(name))
    return Split(train, test)


def _find(file: str, folder: Path) -> Path:
    """The path of a file: in the folder, or in one of the folders of the repository."""
    roots = [folder, *(folder / name for name in ("SCAN", "SCAN-master"))]
    places = [root / inner for root in roots for inner in ("", *_REPOSITORY)]
    # lexists: a pipe or a device is found too, so that the error names it
    found = next((place / file for place in places if os.path.lexists(place / file)), None)
    if found is not None:
        return found
    if not os.path.isdir(folder):
        raise FileFormatError(f"Cannot read {folder / file}: {folder} is {_what_is_there(folder)}. {_SOURCE}")
    try:
        there = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise FileFormatError(f"Cannot look into {folder}: {error.strerror or error}.") from error
    listed = ", ".join(name[:60] for name in there[:_MOST_SHOWN]) + (", ..." if len(there) > _MOST_SHOWN else "")
    what = f"in it there is: {listed}" if there else "it is empty"
    raise FileFormatError(
        f"Cannot read {folder / file}: it does not exist, nor in {', '.join(_REPOSITORY)} below {folder}; {what}. {_SOURCE}"
    )


def _what_is_there(path: Path) -> str:
    return "no folder" if os.path.lexists(path) else "not there"


def _read(path: Path) -> tuple[Command, ...]:
    content = read_plain(path, most=_LARGEST, cure="A file of SCAN was expected.")
    try:
        text = content.decode("utf-8-sig")  # editors of Windows put a byte order mark in front
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is no text: byte {error.start} is not UTF-8. A file of SCAN was expected.") from error
    commands = []
    for number, line in enumerate(text.rstrip().splitlines(), 1):
        # longer lines are not matched: no line of SCAN is so long, and the pattern is slow on some long lines
        found = _LINE.fullmatch(line.strip()) if len(line) <= _LONGEST_LINE else None
        unknown = [] if found is None else [action for action in found[2].split() if action not in ACTIONS]
        if found is None or unknown:
            what = f"unknown action {unknown[0][:_SHOWN]!r}" if unknown else "it is no 'IN: <words> OUT: <actions>'"
            raise FileFormatError(f"{path}, line {number} is not of SCAN: {what}. Found: {line.strip()[:_SHOWN]!r}")
        commands.append(Command(found[1], tuple(found[2].split())))
    if not commands:
        raise FileFormatError(f"{path} is empty; the lines of a split of SCAN were expected.")
    return tuple(commands)
