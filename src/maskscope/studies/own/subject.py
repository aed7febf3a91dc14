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
from maskscope.errors import ConfigError
from maskscope.masks import Off, call_with, copy_network, evaluation_mode, select
from maskscope.procedure.plans import Checkpoint, Search
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import Compared, MaskedNetwork, Shuffles, Subject
from maskscope.studies.own.claims import UNITS, own_numbers
from maskscope.studies.own.fingerprints import fingerprint, network_fingerprint
from maskscope.studies.own.networks import MakeNetwork, as_they_are, require_fit, require_kind
from maskscope.studies.own.result import MaskCurve, OwnResult
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
    """

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
    ) -> None:
        self._networks, self._functions, self._untrained, self._series = networks, functions, untrained, tuple(series)
        self._objectives = objectives
        self._off = Off.other(other) if other is not None else None
        self._compares = any(one.compares for one in objectives.values())

    def task(self, spec: OwnSpec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None) -> Task:
        """See `Subject.task`."""
        return self.seed_task(spec, 0, device, data_dir, relabelled)

    def seed_task(
        self, spec: OwnSpec, seed: int, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None
    ) -> UserFunctions:
        """See `Subject.seed_task`: controls too are compared with the answers of the given network; of a series, of its last."""
        if not self._compares:
            return UserFunctions(self._functions, self._objectives, device)
        given = self._networks[_place(spec, seed, None)]
        network = given if device.type == "cpu" else copy_network(given).to(device)

        def unmasked(use: Callable[[nn.Module], Any]) -> Any:
            with evaluation_mode(network), isolated_random(0, device), torch.no_grad():
                return call_with(network, {}, use)

        return UserFunctions(self._functions, self._objectives, device, unmasked)

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
        if "untrained" in spec.controls:
            if self._untrained is None:
                raise ConfigError(
                    "controls has untrained, but nobody said how to make an untrained network: give untrained=..., a function "
                    "that returns one, or leave the control out."
                )
            with isolated_random(0):
                require_kind(self._untrained(), "What untrained() returns", first)
        for place, network in enumerate(self._networks):
            task = self.seed_task(spec, place, runtime.device)
            weights = select(network, exclude=spec.exclude).of(network)
            off = self.off_values(spec, 0).only(weights).of(weights)
            emptied = {name: off.get(name, torch.zeros_like(weight)).to(runtime.device) for name, weight in weights.items()}
            require_fit(copy_network(network).to(runtime.device), task, place, emptied, spec.mask.config().size)

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
