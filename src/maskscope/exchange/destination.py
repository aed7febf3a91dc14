"""Where something is to be written: nothing that is there already is replaced unasked."""

import os
from pathlib import Path

from maskscope.errors import ConfigError


def require_free(path: Path, *, force: bool = False) -> None:
    """Refuses a path where there is something already.

    Args:
        path: of a file or a folder to be written.
        force: whether a file that is there may be replaced. A folder never is, unless it is empty: it may hold anything.

    Raises:
        ConfigError: it may not be replaced.
    """
    if path.is_dir():
        if any(path.iterdir()):
            raise ConfigError(f"There is a folder {path} already; folders are not replaced. Name another, or remove it first.")
    elif os.path.lexists(path) and not force:
        raise ConfigError(f"There is a file {path} already. Name another, or allow it to be replaced: --force, or force=True.")
