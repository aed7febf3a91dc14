"""What the commands print and write alike."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maskscope.engine.spec import to_json
from maskscope.errors import MissingExtraError


def announce(text: str) -> None:
    """A line on standard error, so that standard output stays clean."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """Prints a record, settings or plain values as JSON, with null for what is undefined."""
    print(json.dumps(_defined(to_json(value)), indent=1))


def announce_end(write: Callable[[], Path], out: Path) -> None:
    """Writes the report of what was run, if that can be, and says where it is, and how to see the numbers.

    Args:
        write: writes it, and returns the path of the page.
        out: the run folder.
    """
    try:
        announce(f"report: {write()}")
    except MissingExtraError as error:
        announce(f"no report: {error} Then: maskscope report {out}")
    announce(f"numbers: maskscope show {out}")


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _defined(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(item) for item in value]
    return None if isinstance(value, float) and value != value else value
