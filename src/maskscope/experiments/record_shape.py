"""Whether the parts of a record fit together, which a record has to that was not made by its own file's reader."""

from pathlib import Path

from maskscope.experiments.record import Record


def require_whole(record: Record, path: Path) -> None:
    """Raises `FileFormatError` unless the parts of a record fit together."""
