"""What a study is: settings, steps, numbers and claims. The engine runs any; it knows no task and no network.

A study is a value in a folder of `maskscope.studies`, or in a file of a user's own; `maskscope.engine.address` finds it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from maskscope.analysis import SelectionTable
from maskscope.engine.artefact import Artefact
from maskscope.engine.claims import Claim, Lack
from maskscope.engine.quantities import ACCURACY, Quantity, Unit
from maskscope.engine.records.record import DataOrigin, Record
from maskscope.engine.runtime import Runtime
from maskscope.engine.step import Step
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.storage import Json
from maskscope.training import PartMemory

Spec = TypeVar("Spec")
# what settings are for, and the settings
Preset = tuple[str, Spec]
# what the preset `smoke` of every study is for
SMOKE_TEXT = "seconds; shows that everything runs, not that anything is found"
# memory of a process before it has a network
BASE_BYTES = 450 * 2**20


@dataclass(frozen=True)
class Needs:
    """What a run takes, estimated from the numbers of weights.

    Args:
        memory: bytes at the peak, in each process.
        disk: bytes of artefacts, and of one checkpoint.
        more: how much of the memory is taken during the run only, in addition to what the process has before it.
        free: how much memory is free now; None if that is not known.
        part: what one part of the data takes; None if that was not measured.
        at_once: how many parts are in memory at the same time.
        cures: if it is too much: settings that lower it, a sentence each.
    """

    memory: int
    disk: int
    more: int = 0
    free: int | None = None
    part: PartMemory | None = None
    at_once: int = 1
    cures: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether it is expected to fit; also where it is not known how much is free."""
        return self.free is None or self.more <= self.free


@dataclass(frozen=True)
class Findings:
    """What a run found, over all its seeds.

    Args:
        quantities: over networks.
        results: the further fields of the study's record, by name.
    """

    quantities: tuple[Quantity, ...]
    results: Mapping[str, Any]


class Procedure(ABC, Generic[Spec]):
    """How a study gets from settings to numbers."""

    record: ClassVar[type[Record]]
    """The type of its records."""
    not_swept: ClassVar[str] = ""
    """Why its settings cannot be swept; empty where they can."""

    @property
    @abstractmethod
    def units(self) -> Mapping[str, Unit]:
        """The unit of every measure."""

    @abstractmethod
    def steps(self, study: str, spec: Spec, seed: int, runtime: Runtime) -> Sequence[Step]:
        """Everything that is made for one seed, each step behind those that it is made from.

        Args:
            study: the name of the study, which is part of every identity.
            spec: the settings.
            seed: of the network.
            runtime: where and with what.
        """

    @abstractmethod
    def findings(self, spec: Spec, made: Mapping[int, Mapping[str, Artefact]], runtime: Runtime) -> Findings:
        """The results of all seeds, put together.

        Args:
            spec: the settings.
            made: for each seed, what its steps made, by name.
            runtime: where and with what.
        """

    @abstractmethod
    def step_seconds(self, spec: Spec, runtime: Runtime) -> Mapping[str, float]:
        """Seconds of one step of each kind of `Effort`, measured by doing a few."""

    @abstractmethod
    def needs(self, spec: Spec, seeds: int, runtime: Runtime) -> Needs:
        """Memory and disk that so many seeds take."""

    def selected(self, spec: Spec, runtime: Runtime) -> SelectionTable | None:
        """What masks are over, tensor by tensor; None where that cannot be said before the work begins."""
        return None

    def require(self, spec: Spec, runtime: Runtime) -> None:
        """Raises `MaskscopeError` if it can be seen before any work that these settings cannot be run."""

    def pinned(self, spec: Spec, data_dir: Path | None) -> Spec:
        """The settings with the digest of their data, so that other data make another run; as they are without files.

        Raises:
            DataError: the data are not there.
            FileFormatError: they are damaged.
            ConfigError: they are not those of the settings.
        """
        return spec

    def origin(self, spec: Spec, data_dir: Path | None) -> DataOrigin | None:
        """The files that the data are from; None where data are generated."""
        return None

    def for_timing(self, spec: Spec) -> Spec:
        """Settings whose steps take as long, and whose data are made faster."""
        return spec

    def from_second_format(self, body: Json) -> Json:
        """The JSON of a record of format 2, with the fields of the present one."""
        return body

    def lacks(self, claim: Claim, spec: Spec) -> tuple[Lack, ...]:
        """What a record of these settings lacks that the claim needs, each with the cure."""
        return ()


@dataclass(frozen=True)
class Sweep:
    """A sweep of a study that has a name and presets of its own.

    Args:
        name: as the command line has it.
        over: the dotted name of the setting.
        axis: the setting in the words of a page.
        summary: one line.
        presets: by name: the settings, and the values.
        chosen: by preset, the label of the value that the study's preset of that name takes.
        values: values that have a name of their own.
    """

    name: str
    over: str
    axis: str
    summary: str = ""
    presets: Mapping[str, tuple[Any, tuple[str, ...]]] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def _accuracy(_settings: Json) -> str:
    return ACCURACY


@dataclass(frozen=True)
class Study(Generic[Spec]):
    """A study that can be run.

    Args:
        name: as the command line has it.
        summary: one line.
        spec: the class of its settings.
        procedure: how it gets from settings to numbers.
        page: how its records are shown, a `maskscope.report.Page`; the engine only carries it.
        presets: by kind of network and name.
        claims: what its records are asked.
        differences: where it differs from the paper on purpose.
        kind: the field of the settings that presets and claims go by; empty: there are no kinds.
        not_in_paper: kinds that the paper does not have.
        shown_settings: those that are shown beside a record, since they tell records of one preset apart.
        sweeps: those that have a name of their own.
        address: where it is found: a name in the table of `maskscope.studies`, or ``FILE.py:NAME``. Empty: it is nowhere but in
            this process.
        reader: address of the study that reads its records, if not its own.
        networks: how many networks the study brings, a seed for each; 0: as many are made as are asked for.
        title: its name as a heading; empty: the name itself.
        size: the settings that make the size of its networks. What the paper reports is about those of its preset `paper`.
        score_name: from a record's settings to the word for its scores.
    """

    name: str
    summary: str
    spec: type[Spec]
    procedure: Procedure[Spec]
    page: Any
    presets: Mapping[str, Mapping[str, Preset[Spec]]]
    claims: tuple[Claim, ...] = ()
    differences: tuple[str, ...] = ()
    kind: str = "network"
    not_in_paper: tuple[str, ...] = ()
    shown_settings: tuple[str, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    address: str = ""
    reader: str = ""
    networks: int = 0
    title: str = ""
    size: tuple[str, ...] = ()
    score_name: Callable[[Json], str] = _accuracy

    def __post_init__(self) -> None:
        for item in (self.presets, *self.presets.values()):
            if not item:
                raise ConfigError(f"The study {self.name} has no presets; at least one was expected.")

    @property
    def first_kind(self) -> str:
        """The kind of network, or of questions, that is meant where none is named."""
        return next(iter(self.presets))

    def kind_of(self, spec: Spec) -> str:
        """The kind of network, or of questions, that settings are for."""
        return str(getattr(spec, self.kind)) if self.kind else self.first_kind

    def preset(self, name: str, kind: str = "") -> Spec:
        """The settings of a preset, of the first kind unless one is named.

        Raises:
            UnknownNameError: there is no such kind, or no preset of that name for it.
        """
        kind = kind or self.first_kind
        if kind not in self.presets:
            raise UnknownNameError(self.kind, kind, self.presets)
        if name not in self.presets[kind]:
            of = f" with {self.kind} {kind}" if self.kind else ""
            raise UnknownNameError(f"preset of {self.name}{of}", name, self.presets[kind])
        return self.presets[kind][name][1]

    def claims_about(self, spec: Spec) -> tuple[Claim, ...]:
        """The claims about the kind of network of a spec; of kinds that the paper does not have, it says nothing."""
        kind = self.kind_of(spec)
        found = (claim for claim in self.claims if kind in (claim.networks or (kind,)))
        return tuple(replace(claim, paper="") if kind in self.not_in_paper else claim for claim in found)

    def other_size(self, spec: Json) -> str:
        """How the paper's networks differ in size from those of a record's settings, in words; empty where they do not."""
        published = self.presets.get(str(spec.get(self.kind, self.first_kind)), {}).get("paper")
        if published is None:
            return ""
        pairs = [(name, _flat(getattr(published[1], name)), _flat(spec.get(name))) for name in self.size]
        unlike = [(name, there, here) for name, there, here in pairs if there != here]
        return ", ".join(f"{name} {there} in the paper, {here} here" for name, there, here in unlike)

    def require_fit(self, spec: Any) -> None:
        """Raises `ConfigError` unless the settings are this study's."""
        if not isinstance(spec, self.spec):
            found = type(spec).__name__
            raise ConfigError(f"{self.name} was given settings of the type {found}; {self.spec.__name__} was expected.")


def _flat(value: object) -> str:
    """A setting in a word: ``400-400-200``."""
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
