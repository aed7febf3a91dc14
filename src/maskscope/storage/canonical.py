"""Canonical JSON: equal values give equal text, so that its digest is an identity. Also JSON files with a checksum."""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

from maskscope.errors import FileFormatError
from maskscope.storage.atomic import write_bytes
from maskscope.storage.reading import read_plain_json

Json = dict[str, Any]
_CURE = "Delete it (of an artefact, the whole folder) and run again."


def canonical_json(value: object) -> str:
    """The JSON text of a value, with sorted keys, no spaces, in ASCII: equal values have equal text.

    Raises:
        ValueError: the value contains NaN or infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def write_json(path: Path, body: object) -> None:
    """Writes ``body`` as readable JSON together with its digest; NaN and infinity become ``null``."""
    body = _without_nan(body)
    text = json.dumps({"sha256": digest(body), "body": body}, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path, *, cure: str = _CURE) -> Any:
    """Reads what `write_json` wrote.

    Args:
        path: the file.
        cure: the last sentence of an error message: what to do next.

    Raises:
        FileFormatError: the file is missing, not a plain file, too large, cut short, altered, or not written by `write_json`.
    """
    if not os.path.lexists(path):
        raise FileFormatError(f"There is no file {path}. If a run made it: delete its whole folder and run again.")
    envelope = read_plain_json(path, cure=cure)
    if not isinstance(envelope, dict) or set(envelope) != {"sha256", "body"}:
        raise FileFormatError(f"{path} is not a maskscope JSON file, or it is cut short: no 'sha256' and 'body'. {cure}".rstrip())
    body = envelope["body"]
    if digest(body) != envelope["sha256"]:
        raise FileFormatError(f"{path} was altered: its content does not match its own checksum. {cure}".rstrip())
    return body


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
