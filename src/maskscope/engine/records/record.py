"""What a study found, as a file holds it: what the records of all studies have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from maskscope.engine.claims import Verdict
from maskscope.engine.quantities import TRAINED, Quantity, find_quantity
from maskscope.storage import Json

# of a record's JSON. 1: verdicts were sentences, quantities had no unit, pairs no floors by tensor. 2: results that only some
# studies have were fields of every record (`earlier_formats.py`)
FORMAT = 3


@dataclass(frozen=True)
class DataOrigin:
    """Files that a record was made from.

    Args:
        name: of the data.
        digest: SHA-256 of their unpacked bytes.
        verified: whether these are the published bytes; if not, this is a copy nobody vouches for.
        note: what is known of them where checksums of bytes say nothing; empty where they do.
    """

    name: str
    digest: str
    verified: bool
    note: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where and with what a record was made.

    Args:
        maskscope: version of this package.
        code: digest of its source files.
        versions: of Python and the packages that matter.
        machine: processor, cores, memory.
        threads: torch threads of each process.
        device: where the networks were.
        seconds: time by kind of stage, summed over networks.
    """

    maskscope: str
    code: str
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    threads: int
    device: str
    seconds: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Record(ABC):
    """A study over several networks. A kind of study adds its own results.

    Args:
        experiment: the study's name.
        study: address of the study that reads it; empty if that was nowhere but in the process that ran it.
        preset: the preset it began from.
        spec: all settings.
        functions: names of the functions.
        seeds: of the networks.
        quantities: over networks, with spread.
        verdicts: the claims and what became of them.
        differences: where this differs from the paper on purpose.
        provenance: where and with what it was made.
        data: the files that it was made from; None where data are generated.
        format: of the record's JSON.
    """

    experiment: str
    study: str
    preset: str
    spec: Json
    functions: tuple[str, ...]
    seeds: tuple[int, ...]
    quantities: tuple[Quantity, ...]
    verdicts: tuple[Verdict, ...]
    differences: tuple[str, ...]
    provenance: Provenance
    data: DataOrigin | None = None
    format: int = FORMAT

    @property
    def variants(self) -> dict[str, str]:
        """What networks there are, in words, by name of the variant."""
        return {TRAINED: "Trained network"}

    @property
    def own_functions(self) -> dict[str, str]:
        """The function that a mask is for, where it has another name."""
        return {}

    @property
    def sample_size(self) -> int:
        """How many networks stand behind a number, at most."""
        return len(self.seeds)

    @property
    @abstractmethod
    def size(self) -> int:
        """Weights of a network that a mask is over."""

    @property
    def faults(self) -> list[str]:
        """What does not fit together in it, each in a line."""
        return [] if self.seeds else ["seeds: at least one was expected"]

    @property
    def completed(self) -> "Record":
        """The record, completed by what earlier formats lack and can be computed from it."""
        return self

    def quantity(self, measure: str, mask: str = "", function: str = "", *, variant: str = TRAINED) -> Quantity | None:
        """The quantity of that address, or None."""
        return find_quantity(self.quantities, measure, mask, function, variant)
