"""What a study found, as a file holds it: what the records of all studies have in common."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from maskscope.engine.claims import Verdict
from maskscope.engine.quantities import ACCURACY, TRAINED, Quantity, find_quantity
from maskscope.errors import UnknownNameError
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
    folder: ClassVar[str] = ""
    """The run folder that this record lies in; no part of what it says, and not in its JSON. Empty where it is not known."""

    def in_folder(self, folder: Path) -> Self:
        """The same record, which knows where it lies."""
        found = copy.copy(self)
        vars(found)["folder"] = str(folder)
        return found

    def _repr_html_(self) -> str | None:
        """What a notebook shows, as the study's page says it; None if the study is in a file, which is not run for this."""
        found = self.known_study
        return str(found.page.notebook_cell(self)) if found else None

    @property
    def known_study(self) -> Any:
        """The study that reads it, a `Study`, where that is one of this package; a file is not run for this."""
        from maskscope.engine.address import is_file, study_at

        address = self.study or self.experiment
        try:
            return None if is_file(address) else study_at(address)
        except UnknownNameError:
            return None

    @property
    def other_size(self) -> str:
        """How the paper's networks differ in size from these, in words; empty where they do not, or are not known."""
        return self.known_study.other_size(self.spec) if self.known_study else ""

    @property
    def score_name(self) -> str:
        """What its scores are, in a word: accuracy, unless its study says otherwise."""
        return str(self.known_study.score_name(self.spec)) if self.known_study else ACCURACY

    @property
    def numbers(self) -> dict[str, float]:
        """The mean of every quantity, by a name such as ``sufficiency/mask add, on add``; claims: 1 supported, 0 open, -1 not.

        Each name has one slash: trackers make folders of them, and none may be the beginning of another.
        """
        words = {"supported": 1.0, "inconclusive": 0.0, "not supported": -1.0}
        found = {f"claims/{one.name.replace('/', '-')}": words[one.verdict] for one in self.verdicts}
        for one in self.quantities:
            mask, function = one.mask and f"mask {one.mask}", one.function and f"on {one.function}"
            of = ", ".join(part for part in (mask, function, "" if one.variant == TRAINED else one.variant) if part)
            found[f"{one.measure.replace('/', '-')}/{(of or 'network').replace('/', '-')}"] = one.summary.mean
        return found

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
