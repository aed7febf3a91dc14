"""What a study of single networks is about: a task, a network, the masks that are sought. A room is mostly one of these."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

from maskscope.engine.claims import Claim, Lack
from maskscope.engine.quantities import Numbers, Unit
from maskscope.engine.records.record import DataOrigin
from maskscope.engine.runtime import Runtime
from maskscope.masks import BinaryMask, MaskLogits, Off
from maskscope.procedure.controls import SHUFFLED_WEIGHTS, UNTRAINED, Control, by_name
from maskscope.procedure.plans import Checkpoint, Companion, MaskPlan, Search
from maskscope.procedure.record import EvaluationPart
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.settings import MaskSpec
from maskscope.storage import Json
from maskscope.tasks import Task
from maskscope.training import History
from maskscope.training.mask_search import Check

# functions whose answers are shuffled among their inputs, each with the seed of that; None: none are
Shuffles = Mapping[str, int] | None

# fields that the results of every network had in format 2 of records, and that only some studies filled
FIELDS_OF_SOME = ("owned", "cosines", "filters", "sequences")


@runtime_checkable
class MaskSettings(Protocol):
    """What the settings of every study of single networks have."""

    @property
    def mask(self) -> MaskSpec:
        """How each mask is found."""

    @property
    def repeats(self) -> int:
        """Further masks for each function."""

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the controls that are run."""

    @property
    def random_draws(self) -> int:
        """Random masks of equal density for each found mask."""


Spec = TypeVar("Spec", bound=MaskSettings)


@dataclass(frozen=True)
class FoundMask:
    """One mask with what is needed to judge it.

    Args:
        plan: what it was found for.
        mask: what was found.
        logits: its logits.
        history: of the search.
        unmasked_loss: loss without masks, at the first step's data.
    """

    plan: MaskPlan
    mask: BinaryMask
    logits: MaskLogits
    history: History
    unmasked_loss: float


@dataclass(frozen=True)
class Compared:
    """A mask, or what was made of one, that is compared with others.

    Args:
        name: of what it stands for.
        repeat: of the mask.
        mask: the weights.
    """

    name: str
    repeat: int
    mask: BinaryMask


@dataclass(frozen=True)
class MaskedNetwork(Generic[Spec]):
    """A network with its masks, to be measured.

    Args:
        spec: the settings.
        seed: the network's root seed.
        variant: the trained network, or which control.
        network: the network that the masks were found on.
        task: with its evaluation data.
        found: the masks.
        companions: further networks that were trained, to be measured beside it.
        random_seed: of whatever is drawn at random.
        of_others: masks of other states of this network that its own are compared with, by the name of the state.
    """

    spec: Spec
    seed: int
    variant: str
    network: nn.Module
    task: Task
    found: Sequence[FoundMask]
    companions: Mapping[str, nn.Module]
    random_seed: int
    of_others: Mapping[str, Sequence[Compared]] = field(default_factory=dict)

    @property
    def full(self) -> BinaryMask | None:
        """The full mask; None where none is sought."""
        return next((one.mask for one in self.found if one.plan.is_whole), None)

    def first_mask(self, name: str) -> FoundMask | None:
        """The first mask of that name; None if there is none."""
        return next((one for one in self.found if (one.plan.search.name, one.plan.repeat) == (name, 0)), None)


class Subject(ABC, Generic[Spec]):
    """Task, network and masks of a study, and what it measures. The methods that have a body say what most studies do."""

    controls: ClassVar[Mapping[str, Control]] = by_name(UNTRAINED, SHUFFLED_WEIGHTS)
    """Those that its settings may name."""
    more: ClassVar[type] = type(None)
    """The type of the results that only this study has."""
    units: ClassVar[Mapping[str, Unit]] = {}
    """The units of the measures that only this study has."""
    network_version: ClassVar[int] = 1
    """A part of the identity of networks: raised when their last bits change."""
    mask_version: ClassVar[int] = 5
    """The same for masks. 2: compiled kernels and batched products; 3: small masks found together; 4: samples in threads; 5:
    chains of linear layers, masks of several networks."""
    check: ClassVar[Check] = True
    """What is asked of the network before a search."""
    analysis_version: ClassVar[int] = 4
    """The same for analyses. 2: several controls, unrelated functions, stable core; 3: weights in common with the full mask; 4:
    results by study."""
    samples_apart: ClassVar[bool] = False
    """Whether the samples of a step are slower in one call than in threads, on a processor."""

    @abstractmethod
    def task(self, spec: Spec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None) -> Task:
        """The task.

        Args:
            spec: the settings.
            device: of the data.
            data_dir: where files are; None for where they usually are.
            relabelled: functions whose answers are shuffled; None where the task has no labels to shuffle.

        Raises:
            MaskscopeError: the task needs files that are not there or not right.
        """

    def seed_task(
        self, spec: Spec, seed: int, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None
    ) -> Task:
        """The task as it is asked of the networks of one seed; by default, it is the same for all."""
        return self.task(spec, device, data_dir, relabelled)

    @abstractmethod
    def network(self, spec: Spec, task: Task) -> nn.Module:
        """The network as it is initialised, from torch's generator, on the task's device."""

    def brings_networks(self) -> bool:
        """Whether trained networks are given, so that none is trained."""
        return False

    def given_network(self, spec: Spec, seed: int, checkpoint: Checkpoint | None = None) -> nn.Module | None:
        """The trained network, or an earlier state of it, where it need not be trained; a copy."""
        return None

    def given_digest(self, spec: Spec, seed: int, checkpoint: Checkpoint | None = None) -> str:
        """Of the weights of a given network, which is part of its identity; empty where it is trained."""
        return ""

    def checkpoints(self, spec: Spec) -> list[Checkpoint]:
        """Earlier states of the trained network, in order, where a series over training is given."""
        return []

    def starts_warm(self, spec: Spec) -> bool:
        """Whether the searches on each state of a series start from the masks of the one before."""
        return False

    def data_digest(self, spec: Spec, search: Search) -> str:
        """Of the data of one mask, which is part of its identity; empty where the settings say which data these are."""
        return ""

    def off_values(self, spec: Spec, seed: int) -> Off:
        """What stands in place of weights that are off; ``seed`` is of the values drawn."""
        return spec.mask.off_values(seed)

    def excluded(self, spec: Spec) -> tuple[str, ...]:
        """Patterns of the parameters that no mask is over."""
        return ()

    def has_full_mask(self, spec: Spec) -> bool:
        """Whether a mask for the whole task is sought."""
        return True

    def searches(self, spec: Spec, task: Task) -> list[Search]:
        """The masks that are sought beside the full one: one for each function."""
        return [Search(name, name) for name in task.mask_targets]

    def companions(self, spec: Spec, task: Task) -> list[Companion]:
        """Further networks that are trained, to be measured beside the trained one."""
        return []

    def found_together(self, spec: Spec, weights: int) -> bool:
        """Whether the masks of one network and one repeat are found in one call; so many weights can be masked."""
        return False

    def stacked(self, spec: Spec, weights: int) -> bool:
        """Whether several networks are fitted in one call, and their masks found in one: alike, no dropout, no buffers."""
        return False

    def io_tensors(self, spec: Spec, names: Sequence[str]) -> tuple[str, ...]:
        """The maskable tensors that read the input or write the output, where each function has its own; else none."""
        return ()

    def early_tensors(self, spec: Spec, names: Sequence[str], seed: int) -> list[tuple[str, ...]]:
        """Which tensors the half-mask test takes as early, for each of its choices; none: no such test."""
        return []

    def compared(self, masked: MaskedNetwork[Spec]) -> list[Compared]:
        """What is compared with each other: the masks of functions."""
        return [
            Compared(one.plan.search.name, one.plan.repeat, one.mask)
            for one in masked.found
            if one.plan.search.compared and not one.plan.is_whole
        ]

    def weights_in_use(self, masked: MaskedNetwork[Spec], compared: Sequence[Compared]) -> BinaryMask:
        """The weights in use, among which overlap is also measured: those that any of the masks keeps, the full one included."""
        masks = [one.mask for one in compared] + ([masked.full] if masked.full is not None else [])
        used = masks[0]
        for mask in masks[1:]:
            used = used | mask
        return used

    def measure_more(self, masked: MaskedNetwork[Spec], compared: Sequence[Compared]) -> Any:
        """The results that only this study has, of the type `more`; None: there are none."""
        return None

    def passes(self, spec: Spec, masks: int) -> int:
        """How many times an analysis scores all functions, roughly: each mask alone, inverted, against top and random weights."""
        return (3 + spec.random_draws) * masks

    def with_outcomes(self, network: NetworkResult[Any], outcomes: Mapping[str, Mapping[str, Json]]) -> NetworkResult[Any]:
        """The results of a trained network, with those of the experiments on it: by control and piece."""
        return network

    def numbers(self, network: NetworkResult[Any]) -> Numbers:
        """The numbers of one network that only this study has."""
        return {}

    def evaluated_on(self, task: Task) -> tuple[EvaluationPart, ...]:
        """The sets of items that accuracy is over, where they are worth telling."""
        return ()

    def lacks(self, claim: Claim, spec: Spec) -> tuple[Lack, ...]:
        """What a record of these settings lacks that a claim needs, beside repeats and controls."""
        return ()

    def lacks_control(self, control: str, spec: Spec) -> Lack:
        """What to say of a control that a claim needs and that was not run."""
        return Lack(f"needs the control {control}, which was not run", "with it among --controls")

    def pinned(self, spec: Spec, data_dir: Path | None) -> Spec:
        """See `Procedure.pinned`."""
        return spec

    def origin(self, spec: Spec, data_dir: Path | None) -> DataOrigin | None:
        """See `Procedure.origin`."""
        return None

    def for_timing(self, spec: Spec) -> Spec:
        """See `Procedure.for_timing`."""
        return spec

    def require(self, spec: Spec, runtime: Runtime) -> None:
        """See `Procedure.require`."""
        self.task(spec, torch.device("cpu"), runtime.data_dir)

    def from_second_format(self, network: Json) -> Json:
        """A network's results in JSON, format 2, in the present one: ``more`` put together of what were fields of all.

        Where nothing is measured besides, these fields were there, and empty.
        """
        return {name: value for name, value in network.items() if name not in FIELDS_OF_SOME}
