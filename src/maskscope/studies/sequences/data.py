"""Where the questions of a study of sequences come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from maskscope.data import DATA_VARIABLE, named_folder
from maskscope.engine.records.record import DataOrigin
from maskscope.errors import ConfigError, DataError
from maskscope.studies.sequences.spec import SequenceSpec

Questions = TypeVar("Questions")


@dataclass(frozen=True)
class SequenceData(Generic[Questions]):
    """Questions and where they are from.

    Args:
        name: for the record.
        digest: of all of them.
        verified: whether they are the published ones, or generated as published.
        questions: themselves.
        note: what is known of their files; empty where they are generated.
    """

    name: str
    digest: str
    verified: bool
    questions: Questions
    note: str = ""

    @property
    def origin(self) -> DataOrigin | None:
        """For the record: the files that they were read from; None where they are generated."""
        return DataOrigin(self.name, self.digest, self.verified, self.note) if self.note else None


def require_pinned(spec: SequenceSpec, data: SequenceData[Questions]) -> SequenceData[Questions]:
    """The data, if they are those that the spec was made with.

    Raises:
        ConfigError: they are not.
    """
    if spec.data_digest not in ("", data.digest):
        raise ConfigError(
            f"The questions that were found have digest {data.digest}, but these settings are for {spec.data_digest}: the files, "
            "or the generator, differ. Name the folder that they were made with by --data-dir, or leave data_digest empty."
        )
    return data


def folder_named(data_dir: Path | None, what: str) -> Path:
    """The folder that a user names.

    Raises:
        DataError: none is named.
    """
    folder = named_folder(data_dir)
    if folder is None:
        raise DataError(
            f"The questions are to be read from files: name the folder with {what} by --data-dir, or by {DATA_VARIABLE}."
        )
    return folder
