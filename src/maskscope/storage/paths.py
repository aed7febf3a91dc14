"""Checks a path that a user gave, and turns it into a `pathlib.Path`."""

import os
from pathlib import Path

from maskscope.errors import ConfigError


def user_path(path: object, *, argument: str = "The path") -> Path:
    """The path that a user means: ``~`` is the home folder, as in a shell.

    Checks only whether it can be a path; the file need not exist.

    Args:
        path: a string or a `pathlib.Path`.
        argument: the name of the option or argument, for example ``--out``; an error message begins with it.

    Raises:
        ConfigError: neither a string nor a path, empty, with a character that no file name can have, too long, or in the home
            folder of an unknown user.

    Examples:
        >>> user_path("runs/first").parts
        ('runs', 'first')
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise ConfigError(
            f"{argument} is {_short(path)} of type {type(path).__name__}; a path was expected: a string or a pathlib.Path."
        )
    if not text:
        raise ConfigError(f"{argument} is empty; the name of a file or folder was expected.")
    if "\0" in text:
        raise ConfigError(f"{argument} is {_short(text)}, with a NUL character, which no name of a file can have.")
    try:
        # records contain paths and are written in UTF-8
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{argument} is {_short(text)}, which is no text in UTF-8; rename the file or folder.") from None
    try:
        found = Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"{argument} is {_short(text)}, but the system knows no home folder of that user; write the path without ~."
        ) from None
    try:
        os.lstat(found)
    except OSError as error:
        # whoever opens the path checks whether it exists and may be read
        if not isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
            raise ConfigError(f"{argument} is {_short(text)}, which cannot be a path: {error.strerror or error}.") from error
    return found


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]}... ({len(text):,} characters)"
