"""What a study of a user's own networks is about: given weights, functions, a loss and a score, each pinned by a digest."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from maskscope.analysis import score
from maskscope.engine.quantities import Numbers, Unit
from maskscope.engine.runtime import Runtime
from maskscope.errors import ConfigError
from maskscope.masks import select
from maskscope.procedure.plans import Search
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import Compared, MaskedNetwork, Shuffles, Subject
from maskscope.studies.own.claims import UNITS, own_numbers
from maskscope.studies.own.fingerprints import fingerprint, network_fingerprint
from maskscope.studies.own.networks import MakeNetwork, as_they_are, require_fit, require_kind
from maskscope.studies.own.result import MaskCurve, OwnResult
from maskscope.studies.own.spec import OwnSpec
from maskscope.tasks import Task
from maskscope.tasks.functions import FunctionData, Loss, Score, UserFunctions
from maskscope.training import isolated_random
from maskscope.training.sizing import CurvePoint


class Own(Subject[OwnSpec]):
    """Given networks and functions that they perform.

    Args:
        networks: trained, of one kind; the first seed is of the first.
        functions: with their data.
        loss: of a network on a part.
        score: of a network on a part.
        untrained: makes an untrained network, from torch's generator; None: there is no such control.
    """

    more: ClassVar[type] = OwnResult
    units: ClassVar[Mapping[str, Unit]] = UNITS

    def __init__(
        self,
        networks: Sequence[nn.Module],
        functions: Sequence[FunctionData],
        loss: Loss,
        score: Score,
        untrained: MakeNetwork | None = None,
    ) -> None:
        self._networks, self._functions, self._untrained = networks, functions, untrained
        self._loss, self._score = loss, score

    def task(self, spec: OwnSpec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None) -> Task:
        """See `Subject.task`."""
        return UserFunctions(self._functions, self._loss, self._score, device)

    def network(self, spec: OwnSpec, task: Task) -> nn.Module:
        """See `Subject.network`: untrained, where the user says how; else a copy of the first, whose weights will be replaced."""
        first = self._first
        made = as_they_are(self._untrained(), first) if self._untrained is not None else copy.deepcopy(first)
        return made.to(task.device)

    def brings_networks(self) -> bool:
        """See `Subject.brings_networks`."""
        return True

    def given_network(self, spec: OwnSpec, seed: int) -> nn.Module:
        """See `Subject.given_network`."""
        return copy.deepcopy(self._networks[seed])

    def given_digest(self, spec: OwnSpec, seed: int) -> str:
        """See `Subject.given_digest`."""
        return spec.networks[seed]

    def data_digest(self, spec: OwnSpec, search: Search) -> str:
        """See `Subject.data_digest`."""
        if search.function == Task.whole:
            return fingerprint(spec.functions)
        return dict(zip((one.name for one in self._functions), spec.functions, strict=True))[search.function]

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
        return OwnResult(score(masked.network, masked.task, mask - mask), curves)

    def numbers(self, network: NetworkResult[OwnResult]) -> Numbers:
        """See `Subject.numbers`."""
        return own_numbers(network)

    def pinned(self, spec: OwnSpec, data_dir: Path | None) -> OwnSpec:
        """See `Subject.pinned`: weights, data, loss and score by their digests."""
        return replace(
            spec,
            networks=tuple(map(network_fingerprint, self._networks)),
            functions=tuple(one.digest for one in self._functions),
            scored=tuple(one.scored_digest for one in self._functions),
            scored_on=tuple(one.scored_on for one in self._functions),
            loss=fingerprint(self._loss),
            score=fingerprint(self._score),
        )

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
        task = self.task(spec, runtime.device)
        for place, network in enumerate(self._networks):
            select(network, exclude=spec.exclude)
            require_fit(copy.deepcopy(network).to(runtime.device), task, place)

    @property
    def _first(self) -> nn.Module:
        if not self._networks:
            raise ConfigError(
                "This study reads the records of studies of a user's own networks, and has none to run. Run the file that "
                "defines one: maskscope run FILE.py."
            )
        return self._networks[0]
