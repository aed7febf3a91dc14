"""Questions in the published layout: a folder for each level, in it a text file for each module, question and answer in turn."""

import os
from collections.abc import Iterable
from pathlib import Path

from maskscope.errors import FileFormatError, UnknownNameError
from maskscope.storage import read_plain, write_bytes
from maskscope.tasks.mathematics.questions import (
    INTERPOLATE,
    LEVELS,
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    MODULES,
    Question,
    Questions,
    divide,
)

_INNER = "mathematics_dataset-v1.0"
_PACKED = f"{_INNER}.tar.gz"
_SOURCE = f"The archive is {_PACKED}, from the public Google Cloud bucket `mathematics-dataset`; unpack the whole of it."
_SHOWN = 80
_LARGEST = 512 * 2**20  # the published files have up to 110 MB
_AGAIN = "Unpack this file from the archive again."


def read_archive(folder: Path, module: str, test_items: int = 10_000, seed: int = 1234) -> Questions:
    """Reads one module of the unpacked archive and divides it into training and test.

    The levels are read in the order easy, medium, hard, interpolate; a question that was in an earlier level is dropped. Random
    questions of each training level become its test; all questions of ``interpolate`` are test.

    Args:
        folder: the folder of the archive, or the folder that contains it.
        module: a short name of ``MODULES``.
        test_items: how many questions of each training level become the test.
        seed: the seed of the division; every level has its own generator.

    Raises:
        UnknownNameError: there is no such module.
        FileFormatError: a file is missing or is not of the archive, or a level has too few questions.
        ConfigError: ``test_items`` is negative.

    Source: Csordás et al. 2021, mathematics; the questions to drop and the size of the test are as in the authors' code.
    """
    if module not in MODULES:
        raise UnknownNameError("module of the Mathematics Dataset", module, MODULES)
    root = folder / _INNER if os.path.isdir(folder / _INNER) else folder
    paths = {level: root / name / f"{MODULES[module]}.txt" for level, name in _folders("train").items()}
    paths[INTERPOLATE] = root / INTERPOLATE / f"{MODULES[module]}.txt"
    _check_there(folder, root, paths.values())
    seen, train, test = set[str](), {}, {}
    for level, path in paths.items():
        kept = []
        for item in _read(path):
            if item.question not in seen:
                seen.add(item.question)
                kept.append(item)
        if level not in LEVELS:
            test[level] = tuple(kept)
            continue
        if len(kept) <= test_items:
            raise FileFormatError(
                f"{path} has {len(kept)} questions that are in no easier level; more than {test_items} are needed: {test_items} "
                "become the test. Ask for a smaller test, or see that the archive was unpacked whole."
            )
        train[level], test[level] = divide(kept, test_items, seed)
    return Questions(module, train, test)


def write_archive(questions: Questions, folder: Path) -> list[Path]:
    """Writes questions in the layout of the archive, and returns the paths.

    The published archive is not divided into training and test. Here, ``train-easy`` contains the training questions and
    ``test-easy`` the test questions, and so on for the other levels; ``interpolate`` has test questions only. ``read_archive``
    ignores ``test-easy`` and divides ``train-easy`` again.
    """
    folders = [(name, questions.train[level]) for level, name in _folders("train").items()]
    folders += [(name, questions.test[level]) for level, name in _folders("test").items()]
    folders.append((INTERPOLATE, questions.test[INTERPOLATE]))
    paths = []
    for name, items in folders:
        paths.append(folder / name / f"{MODULES[questions.module]}.txt")
        write_bytes(paths[-1], "".join(f"{item.question}\n{item.answer}\n" for item in items).encode())
    return paths


def _folders(part: str) -> dict[str, str]:
    return {level: f"{part}-{level}" for level in LEVELS}


def _check_there(folder: Path, root: Path, paths: Iterable[Path]) -> None:
    missing = [str(path.relative_to(root)) for path in paths if not os.path.lexists(path)]
    if not missing:
        return
    packed = sorted(path.name for path in folder.glob("*.tar.gz")) if os.path.isdir(folder) else []
    if packed:
        raise FileFormatError(
            f"{folder} holds the archive still packed: unpack it there, `tar xzf {packed[0]}`. Missing: {', '.join(missing)}."
        )
    found = (
        "no such folder"
        if not os.path.isdir(folder)
        else "an archive half unpacked"
        if len(missing) < len(LEVELS) + 1
        else "none of the files of this module is there"
    )
    raise FileFormatError(f"{root}: {found}. Missing: {', '.join(missing)}. {_SOURCE}")


def _read(path: Path) -> list[Question]:
    content = read_plain(path, most=_LARGEST, cure=_AGAIN)
    try:
        # editors may add a byte order mark, other line ends, and blank lines at the end
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is no text: byte {error.start} is not UTF-8. {_AGAIN}") from error
    lines = text.rstrip("\n").split("\n")
    if lines == [""]:
        raise FileFormatError(f"{path} is empty; lines of questions and answers were expected. {_AGAIN}")
    for number, line in enumerate(lines, 1):
        what, longest = ("question", LONGEST_QUESTION) if number % 2 else ("answer", LONGEST_ANSWER)
        fault = f"the {what} is empty" if not line.strip() else f"the {what} has {len(line)} characters, more than {longest}"
        if not line.strip() or len(line) > longest:
            raise FileFormatError(
                f"{path}, line {number}: {fault}. Questions and answers in turn were expected; found: {line[:_SHOWN]!r}. {_AGAIN}"
            )
    if len(lines) % 2:
        raise FileFormatError(
            f"{path}, line {len(lines)}: a question without an answer, in an odd number of lines; the file ends too early. "
            f"{_AGAIN}"
        )
    if not text.endswith("\n"):
        # an answer that is cut short looks like an answer, but a wrong one
        raise FileFormatError(
            f"{path}, line {len(lines)}: the last line has no end, so that its answer may be cut short: {lines[-1][:_SHOWN]!r}. "
            f"{_AGAIN} If the answer is whole, put a line break after it."
        )
    return [Question(*pair) for pair in zip(lines[::2], lines[1::2], strict=True)]
