"""SCAN in the published file format: a line a command, ``IN: <words> OUT: <actions>``."""

import re
from collections.abc import Iterable
from pathlib import Path

from maskscope.errors import FileFormatError
from maskscope.storage import write_bytes
from maskscope.tasks.scan_grammar import ACTIONS, Command, Split

_LINE = re.compile(r"IN: (\S+(?: \S+)*) OUT: (\S+(?: \S+)*)")
_SHOWN = 80


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
    """The lines of some commands."""
    return "".join(f"IN: {command.words} OUT: {' '.join(command.actions)}\n" for command in commands)


def read_split(name: str, folder: Path) -> Split:
    """A split from a folder with the published files.

    Raises:
        FileFormatError: a file is not there, or a line of it is not of SCAN.
    """
    train, test = (_read(folder / file) for file in file_names(name))
    return Split(train, test)


def _read(path: Path) -> tuple[Command, ...]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileFormatError(
            f"Cannot read {path}: {error.strerror}. A split of SCAN is the two files {' and '.join(file_names('NAME'))} of the "
            "published repository; `maskscope data export scan` writes all but the published `simple`."
        ) from error
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is no text: byte {error.start} is not UTF-8. A file of SCAN was expected.") from error
    commands = []
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.fullmatch(line.strip())
        unknown = [] if found is None else [action for action in found[2].split() if action not in ACTIONS]
        if found is None or unknown:
            what = f"unknown action {unknown[0]}" if unknown else "it is no 'IN: <words> OUT: <actions>'"
            raise FileFormatError(f"{path}, line {number} is not of SCAN: {what}. Found: {line.strip()[:_SHOWN]!r}")
        commands.append(Command(found[1], tuple(found[2].split())))
    if not commands:
        raise FileFormatError(f"{path} is empty; the lines of a split of SCAN were expected.")
    return tuple(commands)
