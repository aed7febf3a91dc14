"""The exceptions of maskscope: one small tree; each class says in one sentence when it is raised.

A message says what was expected, what was found and what to do next. The command line prints the message and exits
with status 2; a traceback is a bug.
"""

import difflib
from collections.abc import Iterable


class MaskscopeError(Exception):
    """An error that the user can correct; the message says how."""


class UnknownNameError(MaskscopeError):
    """A name that is in no table: an estimator, a penalty, a study, a preset, a subtask."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        super().__init__(f"There is no {kind} {name!r}.{suggestion(name, choices)} Known: {', '.join(choices)}.")


class SelectionError(MaskscopeError):
    """Patterns that select nothing, or weights that cannot be masked."""


class MaskMismatchError(MaskscopeError):
    """A mask that was made for other weights, or two masks over different weights."""


class LossError(MaskscopeError):
    """A loss that is not a scalar tensor, or that has no gradient."""


class GuestError(MaskscopeError):
    """A network or a loss that cannot be called with masked weights: the result would be wrong (docs/guests.md)."""


class ShrinkError(MaskscopeError):
    """A network that cannot be made smaller: it cannot be traced, or the smaller one would compute something else."""


class NotFiniteError(MaskscopeError):
    """NaN or infinity where a finite number is needed."""


class BatchesError(MaskscopeError):
    """Batches that end too early, or that cannot be divided equally among the samples of a step."""


class ConfigError(MaskscopeError):
    """A setting that is unknown, of the wrong type, or impossible."""


class ScoreError(MaskscopeError):
    """A score that is neither one share nor a number from 0 to 1 for each item."""


class StudyFileError(MaskscopeError):
    """A Python file that should define a study and cannot be used."""


class FileFormatError(MaskscopeError):
    """A file that is truncated, altered, or not written by maskscope."""


class DataError(MaskscopeError):
    """Files of a data set are missing, or cannot be downloaded; the message says where to get them and where to put them."""


class RunFolderError(MaskscopeError):
    """A run folder that cannot be written, or that another process is using."""


class HubError(MaskscopeError):
    """A repository of the Hugging Face Hub that cannot be reached, or that holds no masks."""


class OutputError(MaskscopeError):
    """Standard output that cannot be written: full, or closed."""


class OutOfMemoryError(MaskscopeError):
    """There is not enough memory; the message says how much is needed, for what, and which option lowers it."""


class MissingExtraError(MaskscopeError):
    """An optional package that this command needs is not installed."""

    def __init__(self, package: str, purpose: str, extra: str = "all") -> None:
        super().__init__(f"{purpose} needs the package {package!r}: pip install 'maskscope[{extra}]'.")


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence with the known names that are closest to ``name``; empty if none is close."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(match) for match in close)}?" if close else ""
