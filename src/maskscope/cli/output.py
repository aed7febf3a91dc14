"""What the commands print and write alike."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maskscope.engine.sweep.record import SweepRecord
from maskscope.errors import ConfigError
from maskscope.report import write_sweep_figures, write_sweep_report, write_sweep_tables
from maskscope.training import Observer, ProgressBar


def write_sweep(record: SweepRecord, folder: Path) -> Path:
    """Writes tables, figures and the page of a sweep; returns the page's path."""
    write_sweep_tables(record, folder / "tables")
    write_sweep_figures(record, folder / "figures")
    write_sweep_report(record, folder / "report.html")
    return folder / "report.html"


def value_of(words: list[str], option: str) -> str | None:
    """What a command line says of an option, before it is parsed as a whole; the last time it does."""
    found = None
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == option:
            found = value if equals else words[place + 1] if place + 1 < len(words) else found
    return found


def require_first(words: list[str], chosen: str, said: str) -> None:
    """Raises `ConfigError` unless the name of what is run is the first word: its options depend on it."""
    if said != chosen:
        raise ConfigError(f"The name {said!r} has to be the first word, before every option; found {words[0]!r} there.")


def watch(name: str) -> Sequence[Observer]:
    """A progress bar for a stage, on standard error."""
    return (ProgressBar(name),)


def announce(text: str) -> None:
    """A line on standard error, so that standard output stays clean."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def duration(seconds: float) -> str:
    """``2 h 05 min``, ``3 min 20 s`` or ``12 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def defined(value: Any) -> Any:
    """JSON values with null for what is undefined."""
    if isinstance(value, dict):
        return {key: defined(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [defined(item) for item in value]
    return None if isinstance(value, float) and value != value else value
