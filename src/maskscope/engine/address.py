"""Where a study is found: by a name in the table of rooms, or in a Python file of a user's own."""

import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from maskscope.engine.study import Study
from maskscope.errors import MaskscopeError, StudyFileError, UnknownNameError

# the package whose table says which rooms there are; imported when it is asked, as a user's file is
_ROOMS = "maskscope.studies"
_FILE = re.compile(r"(?P<path>.+\.py)(:(?P<name>\w+))?", re.DOTALL)


def known_studies() -> Mapping[str, str]:
    """The rooms that there are: ``module:NAME`` by the study's name."""
    table: Mapping[str, str] = importlib.import_module(_ROOMS).STUDIES
    return table


def study_at(address: str) -> Study[Any]:
    """The study of an address.

    Args:
        address: a name in one of the tables of rooms, those that can be run and those that only read records; or
            ``FILE.py:NAME``, or ``FILE.py`` where the file has a single study.

    Raises:
        UnknownNameError: there is no study of that name.
        StudyFileError: the file is not there, raises an error, or has not the study that is meant.
    """
    if file := _FILE.fullmatch(address):
        return study_in(Path(file["path"]), file["name"] or "")
    table = known_studies()
    found = table.get(address) or importlib.import_module(_ROOMS).READERS.get(address)
    if found is None:
        raise UnknownNameError("study", address, table)
    module, _, name = found.partition(":")
    study: Study[Any] = getattr(importlib.import_module(module), name)
    return replace(study, address=address)


def is_file(address: str) -> bool:
    """Whether an address is that of a file."""
    return _FILE.fullmatch(address) is not None


def file_digest(address: str) -> str:
    """SHA-256 of the file that a study is in; empty for a study of the table."""
    found = _FILE.fullmatch(address)
    return hashlib.sha256(Path(found["path"]).read_bytes()).hexdigest() if found else ""


def study_in(file: Path, name: str = "") -> Study[Any]:
    """A study in a Python file, which is run for it.

    Args:
        file: of the user's.
        name: of the study in the file; empty: the only one that there is.

    Raises:
        StudyFileError: the file is not there, raises an error, or has not the study that is meant.
    """
    file = file.absolute()
    studies = {
        key: _as_study(value) for key, value in vars(_module(file)).items() if _is_study(value) and not key.startswith("_")
    }
    if name and name not in studies:
        there = ", ".join(studies) or "none"
        raise StudyFileError(f"{file} has no study {name}; it has {there}. Name one of these, as in {file.name}:STUDY.")
    # one study under two names is one
    different = {id(value): key for key, value in reversed(studies.items())}
    if not name and len(different) != 1:
        found = f"it has {len(different)}: {', '.join(studies)}" if studies else "it has none"
        cure = (
            f"Name the one that is meant, as in {file.name}:{next(iter(studies))}." if studies else "Write STUDY = ms.Study(...)."
        )
        raise StudyFileError(f"{file} should have one study; {found}. {cure}")
    name = name or next(iter(different.values()))
    return replace(studies[name], address=f"{file}:{name}")


def _is_study(value: Any) -> bool:
    return isinstance(value, Study) or isinstance(getattr(value, "study", None), Study)


def _as_study(value: Any) -> Study[Any]:
    return value if isinstance(value, Study) else value.study


def _module(file: Path) -> ModuleType:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StudyFileError(
            f"Cannot read the study file {file}: {error.strerror}. A Python file with a study was expected, or one of the names "
            "of `maskscope list`."
        ) from error
    name = f"maskscope_study_{hashlib.sha256(str(file).encode() + content).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, file)
    if specification is None or specification.loader is None:
        raise StudyFileError(f"{file} is no Python file; its name should end in .py.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses in it look their module up
    sys.path.insert(0, str(file.parent))
    try:
        specification.loader.exec_module(module)
    except MaskscopeError:
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        line = _line_of(error, file)
        raise StudyFileError(f"{file}{line} raised {type(error).__name__}: {error}. Mend the file and run again.") from error
    finally:
        with suppress(ValueError):  # the file may have taken it away
            sys.path.remove(str(file.parent))
    return module


def _line_of(error: Exception | SystemExit, file: Path) -> str:
    """Where in the file it was raised, as Python writes it."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f":{error.lineno}"
    number, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            number = trace.tb_lineno
        trace = trace.tb_next
    return f":{number}" if number else ""
