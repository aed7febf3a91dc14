"""What a study of a user's own networks is about: given weights, functions, a loss and a score, each pinned by a digest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from maskscope.analysis import score
from maskscope.engine.quantities import Numbers, Unit
from maskscope.engine.runtime import Runtime
from maskscope.engine.spec import from_json
from maskscope.errors import ConfigError
from maskscope.masks import Off, call_with, copy_network, evaluation_mode, select
from maskscope.procedure.controls import SHUFFLED_LABELS, SHUFFLED_WEIGHTS, UNTRAINED, Control
from maskscope.procedure.plans import Checkpoint, Search
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import Compared, MaskedNetwork, Shuffles, Subject
from maskscope.storage import Json
from maskscope.studies.own.claims import UNITS, own_numbers
from maskscope.studies.own.controls.chosen import CONTROLS, usual_controls
from maskscope.studies.own.controls.disjoint import DISJOINT_INPUTS, KindOf, by_kind, can_be_halved
from maskscope.studies.own.controls.labels import depends_on_labels, have_labels, with_shuffled_labels
from maskscope.studies.own.controls.spike_in import SPIKE_IN
from maskscope.studies.own.fingerprints import fingerprint, network_fingerprint
from maskscope.studies.own.networks import MakeNetwork, as_they_are, require_fit, require_kind
from maskscope.studies.own.objectives import score_name_of
from maskscope.studies.own.result import DisjointInputs, MaskCurve, OwnResult, SpikeIn
from maskscope.studies.own.series import kinships
from maskscope.studies.own.spec import OwnSpec
from maskscope.studies.own.transfers import measured_transfers
from maskscope.tasks import Task
from maskscope.tasks.functions import FunctionData, UserFunctions
from maskscope.tasks.objective import Objective
from maskscope.tasks.objectives import OwnObjective
from maskscope.training import isolated_random
from maskscope.training.mask_search import Check
from maskscope.training.sizing import CurvePoint


class Own(Subject[OwnSpec]):
    """Given networks and functions that they perform.

    Args:
        networks: trained, of one kind; the first seed is of the first. With ``series``, the states of one network.
        functions: with their data.
        objectives: loss and score of each function, by its name.
        untrained: makes an untrained network, from torch's generator; None: there is no such control.
        other: weights that stand in place of those that are off; none: the settings say what does.
        series: labels of the states, in order; none: the networks are replicates.
        kinds: the kind of a part's inputs, for masks from disjoint inputs; None: these are halves of the data.
    """

    controls: ClassVar[Mapping[str, Control]] = CONTROLS
    more: ClassVar[type] = OwnResult
    units: ClassVar[Mapping[str, Unit]] = UNITS
    check: ClassVar[Check] = "but for unused weights"  # `require_fit` asks that some function uses each
    analysis_version: ClassVar[int] = 5  # 5: transfer

    def __init__(
        self,
        networks: Sequence[nn.Module],
        functions: Sequence[FunctionData],
        objectives: Mapping[str, Objective],
        untrained: MakeNetwork | None = None,
        other: Mapping[str, Tensor] | None = None,
        series: Sequence[str] = (),
        kinds: KindOf | None = None,
    ) -> None:
        self._networks, self._functions, self._untrained, self._series = networks, functions, untrained, tuple(series)
        self._objectives, self._kinds = objectives, kinds
        self._off = Off.other(other) if other is not None else None
        self._compares = any(one.compares for one in objectives.values())

    def task(self, spec: OwnSpec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None) -> Task:
        """See `Subject.task`."""
        return self.seed_task(spec, 0, device, data_dir, relabelled)

    def seed_task(
        self, spec: OwnSpec, seed: int, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None
    ) -> UserFunctions:
        """See `Subject.seed_task`: controls too are compared with the answers of the given network; of a series, of its last."""
        seeds = relabelled or {}
        data = [with_shuffled_labels(one, seeds[one.name]) if one.name in seeds else one for one in self._functions]
        return self._task_with(data, spec, seed, device)

    def by_kind(self, spec: OwnSpec, seed: int, function: str, device: torch.device) -> tuple[dict[str, Task], dict[str, int]]:
        """The task with the data of one kind of inputs only, for each kind of a function's; and how many parts each has."""
        (data,) = (one for one in self._functions if one.name == function)
        kinds = by_kind(data, self._kinds)
        tasks: dict[str, Task] = {kind: self._task_with([some], spec, seed, device) for kind, some in kinds.items()}
        return tasks, {kind: 0 if callable(some.parts) else len(some.parts) for kind, some in kinds.items()}

    def usual_controls(self, repeats: int) -> tuple[str, ...]:
        """The controls that are on by default: those that are possible, as far as they cost no more than the study itself."""
        possible: list[str] = [SHUFFLED_WEIGHTS.name, SPIKE_IN.name]
        if self._untrained is not None:
            possible.append(UNTRAINED.name)
        if self._kinds is None and all(map(can_be_halved, self._functions)):
            possible.append(DISJOINT_INPUTS.name)
        if all(map(have_labels, self._functions)) and self._all_labels_count():
            possible.append(SHUFFLED_LABELS.name)
        chosen = usual_controls(len(self._functions), repeats, possible)
        # who says of what kinds inputs are wants to know
        return (*chosen, DISJOINT_INPUTS.name) if self._kinds is not None else chosen

    def _all_labels_count(self) -> bool:
        try:
            return all(self._labels_count(OwnSpec(), one.name) for one in self._functions)
        except Exception:  # the user's loss and network are tried before the run, and what is wrong is said there
            return False

    def _task_with(self, data: Sequence[FunctionData], spec: OwnSpec, seed: int, device: torch.device) -> UserFunctions:
        objectives = {one.name: self._objectives[one.name] for one in data}
        if not self._compares:
            return UserFunctions(data, objectives, device)
        given = self._networks[_place(spec, seed, None)]
        network = given if device.type == "cpu" else copy_network(given).to(device)

        def unmasked(use: Callable[[nn.Module], Any]) -> Any:
            with evaluation_mode(network), isolated_random(0, device), torch.no_grad():
                return call_with(network, {}, use)

        return UserFunctions(data, objectives, device, unmasked)

    def network(self, spec: OwnSpec, task: Task) -> nn.Module:
        """See `Subject.network`: untrained, where the user says how; else a copy of the first, whose weights will be replaced."""
        first = self._first
        made = as_they_are(self._untrained(), first) if self._untrained is not None else copy_network(first)
        return made.to(task.device)

    def brings_networks(self) -> bool:
        """See `Subject.brings_networks`."""
        return True

    def given_network(self, spec: OwnSpec, seed: int, checkpoint: Checkpoint | None = None) -> nn.Module:
        """See `Subject.given_network`."""
        return self.copy_of(_place(spec, seed, checkpoint))

    def copy_of(self, number: int) -> nn.Module:
        """A copy of one of the networks, by its place among those given."""
        return copy_network(self._networks[number])

    def given_digest(self, spec: OwnSpec, seed: int, checkpoint: Checkpoint | None = None) -> str:
        """See `Subject.given_digest`."""
        return spec.networks[_place(spec, seed, checkpoint)]

    def checkpoints(self, spec: OwnSpec) -> list[Checkpoint]:
        """See `Subject.checkpoints`: of a series, all but the last."""
        return [Checkpoint(place, label) for place, label in enumerate(spec.series[:-1])]

    def starts_warm(self, spec: OwnSpec) -> bool:
        """See `Subject.starts_warm`."""
        return spec.warm

    def data_digest(self, spec: OwnSpec, search: Search) -> str:
        """See `Subject.data_digest`."""
        data = dict(zip((one.name for one in self._functions), spec.functions, strict=True))
        found = fingerprint(spec.functions) if search.function == Task.whole else data[search.function]
        # what a control's mask is found with are then the given networks' answers, too
        return fingerprint([found, spec.networks]) if self._compares else found

    def off_values(self, spec: OwnSpec, seed: int) -> Off:
        """See `Subject.off_values`."""
        return self._off if spec.mask.off == "other" and self._off is not None else spec.mask.off_values(seed)

    def excluded(self, spec: OwnSpec) -> tuple[str, ...]:
        """See `Subject.excluded`."""
        return spec.exclude

    def measure_more(self, masked: MaskedNetwork[OwnSpec], compared: Sequence[Compared]) -> OwnResult:
        """See `Subject.measure_more`."""
        mask = masked.found[0].mask
        curves = tuple(
            MaskCurve(one.plan.search.name, one.plan.repeat, tuple(map(CurvePoint.from_json, one.mask.made_by["curve"])))
            for one in masked.found
            if "curve" in one.mask.made_by
        )
        emptied = score(masked.network, masked.task, mask - mask)
        return OwnResult(emptied, curves, measured_transfers(masked, compared), kinships(masked, compared))

    def passes(self, spec: OwnSpec, masks: int) -> int:
        """See `Subject.passes`: each mask is also scored for transfer, all other functions in turn."""
        return super().passes(spec, masks) + (4 + spec.random_draws) * masks

    def with_outcomes(
        self, network: NetworkResult[OwnResult], outcomes: Mapping[str, Mapping[str, Json]]
    ) -> NetworkResult[OwnResult]:
        """See `Subject.with_outcomes`."""
        assert network.more is not None, "every network has it"
        disjoint = tuple(from_json(DisjointInputs, one) for one in outcomes.get(DISJOINT_INPUTS.name, {}).values())
        (spiked,) = (
            (from_json(SpikeIn, one) for one in outcomes[SPIKE_IN.name].values()) if SPIKE_IN.name in outcomes else (None,)
        )
        return replace(network, more=replace(network.more, spike_in=spiked, disjoint=disjoint))

    def numbers(self, network: NetworkResult[OwnResult]) -> Numbers:
        """See `Subject.numbers`."""
        return own_numbers(network)

    def pinned(self, spec: OwnSpec, data_dir: Path | None) -> OwnSpec:
        """See `Subject.pinned`: weights, data, loss and score by their digests."""
        return replace(
            spec,
            networks=tuple(map(network_fingerprint, self._networks)),
            series=self._series,
            functions=tuple(one.digest for one in self._functions),
            scored=tuple(one.scored_digest for one in self._functions),
            scored_on=tuple(one.scored_on for one in self._functions),
            other=fingerprint(self._off.digests) if spec.mask.off == "other" and self._off else "",
            loss=self._digest(lambda one: one.own_loss if isinstance(one, OwnObjective) else one),
            score=self._digest(lambda one: one.own_score if isinstance(one, OwnObjective) else one),
            score_name=score_name_of(self._objectives.values()),
            kinds=fingerprint(self._kinds) if self._kinds is not None else "",
        )

    def _digest(self, part: Callable[[Objective], object]) -> str:
        """Of the objectives; of one for all functions, its own."""
        different = list({id(one): one for one in self._objectives.values()}.values())
        parts = [part(one) for one in (different if len(different) == 1 else self._objectives.values())]
        return fingerprint(parts[0] if len(parts) == 1 else parts)

    def for_timing(self, spec: OwnSpec) -> OwnSpec:
        """See `Subject.for_timing`: the very network and data."""
        return self.pinned(spec, None)

    def require(self, spec: OwnSpec, runtime: Runtime) -> None:
        """See `Subject.require`: that networks, data, loss and score fit together, by using them once."""
        first = self._first
        if UNTRAINED.name in spec.controls and self._untrained is None:
            raise ConfigError(
                "controls has untrained, but nobody said how to make an untrained network: give untrained=..., a function that "
                "returns one, or leave the control out."
            )
        if self._untrained is not None:
            with isolated_random(0):
                require_kind(self._untrained(), "What untrained() returns", first)
        if SHUFFLED_LABELS.name in spec.controls:
            self._require_labels(spec)
        if DISJOINT_INPUTS.name in spec.controls:
            for one in self._functions:
                by_kind(one, self._kinds)
        for place, network in enumerate(self._networks):
            task = self.seed_task(spec, place, runtime.device)
            weights = select(network, exclude=spec.exclude).of(network)
            off = self.off_values(spec, 0).only(weights).of(weights)
            emptied = {name: off.get(name, torch.zeros_like(weight)).to(runtime.device) for name, weight in weights.items()}
            require_fit(copy_network(network).to(runtime.device), task, place, emptied, spec.mask.config().size)

    def _require_labels(self, spec: OwnSpec) -> None:
        """Raises unless every function has labels that its loss depends on."""
        for one in self._functions:
            if not self._labels_count(spec, one.name):
                raise ConfigError(
                    f"controls has shuffled-labels, and the loss of function {one.name} is the same when the labels of a part "
                    "are shuffled, so that this control would say nothing. Labels have to be the last entry of a part, or under "
                    "labels, label, targets, target or y; or leave shuffled-labels out."
                )

    def _labels_count(self, spec: OwnSpec, function: str) -> bool:
        cpu = torch.device("cpu")
        others = [self.task(spec, cpu, None, {function: seed}) for seed in range(3)]
        return depends_on_labels(copy_network(self._networks[0]).to(cpu), self.task(spec, cpu), others, function)

    @property
    def _first(self) -> nn.Module:
        if not self._networks:
            raise ConfigError(
                "This study reads the records of studies of a user's own networks, and has none to run. Run the file that "
                "defines one: maskscope run FILE.py."
            )
        return self._networks[0]


def _place(spec: OwnSpec, seed: int, checkpoint: Checkpoint | None) -> int:
    """Of a network among those given: a series is of one seed, and its last state is the trained network."""
    if checkpoint is not None:
        return checkpoint.place
    return len(spec.series) - 1 if spec.series else seed
