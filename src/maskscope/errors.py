"""Everything that maskscope raises on purpose: one small tree, each class with the sentence it is for.

A message says what was expected, what was found and what to do next. The command line prints the message and exits
with status 2; a traceback is a bug.
"""

import difflib
from collections.abc import Iterable


class MaskscopeError(Exception):
    """Something that the user can mend; the message says how."""


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
    """A loss that is no scalar tensor, or that no gradient leads back from."""


class GuestError(MaskscopeError):
    """A network or a loss that does what a guest may not do: masked, it would not be the network that it is (docs/guests.md)."""


class NotFiniteError(MaskscopeError):
    """NaN or infinity where a number is needed to go on."""


class BatchesError(MaskscopeError):
    """Batches that end too early, or that do not divide into the samples of a step."""


class ConfigError(MaskscopeError):
    """A setting that is unknown, of the wrong kind, or impossible."""


class ScoreError(MaskscopeError):
    """A score that is no share, and no number from 0 to 1 for each item."""


class StudyFileError(MaskscopeError):
    """A Python file that should have a study and cannot be used for it."""


class FileFormatError(MaskscopeError):
    """A file that is truncated, altered, or not one of ours."""


class DataError(MaskscopeError):
    """Files of a data set that are not there, or that cannot be downloaded; the message says where they are and where they go."""


class RunFolderError(MaskscopeError):
    """A run folder that cannot be written, or that another process is using."""


class OutputError(MaskscopeError):
    """Standard output that cannot be written: full, or closed."""


class OutOfMemoryError(MaskscopeError):
    """There is not enough memory; the message says how much is needed for what, and which option lowers it."""


class MissingExtraError(MaskscopeError):
    """An optional package that this command needs is not installed."""

    def __init__(self, package: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package!r}: pip install 'maskscope[all]'.")


def suggestion(name: str, known: Iterable[str]) -> str:
    """The sentence that names the closest known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(match) for match in close)}?" if close else ""
