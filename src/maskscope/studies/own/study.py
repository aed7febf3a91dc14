"""The user's own network: the plainest study, and the first that a reader should open."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from maskscope.engine.job import Job
from maskscope.engine.quantities import Numbers, Unit
from maskscope.engine.run import run_study
from maskscope.engine.runtime import Runtime
from maskscope.engine.study import Study as EngineStudy
from maskscope.errors import ConfigError, MaskscopeError, StudyFileError
from maskscope.masks import select
from maskscope.procedure.plans import Search
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.result import MaskRecord, NetworkResult
from maskscope.procedure.settings import MaskSpec
from maskscope.procedure.subject import Subject
from maskscope.studies.own.claims import UNITS, claims_of, own_numbers
from maskscope.studies.own.data import code_fingerprint, fingerprint, function_data, require_names
from maskscope.studies.own.page import PAGE
from maskscope.studies.own.spec import OwnSpec
from maskscope.tasks import Task
from maskscope.tasks.functions import FunctionData, Loss, Score, UserFunctions
from maskscope.training import MaskConfig, Observer, ProgressBar

_NAME = "own"


class Own(Subject[OwnSpec]):
    """Given networks and functions that they perform.

    Args:
        networks: trained; the first seed is of the first.
        functions: with their data.
        loss: of a network on a part.
        score: of a network on a part.
        untrained: makes an untrained network, from torch's generator; None: there is no such control.
    """

    units: ClassVar[Mapping[str, Unit]] = UNITS

    def __init__(
        self,
        networks: Sequence[nn.Module],
        functions: Sequence[FunctionData],
        loss: Loss,
        score: Score,
        untrained: Callable[[], nn.Module] | None = None,
    ) -> None:
        self._networks, self._functions, self._untrained = networks, functions, untrained
        self._loss, self._score = loss, score

    def task(
        self,
        spec: OwnSpec,
        device: torch.device,
        data_dir: Path | None = None,
        relabelled: Mapping[str, int] | None = None,
    ) -> Task:
        """See `Subject.task`."""
        if not self._networks:
            _absent()
        return UserFunctions(self._functions, self._loss, self._score, device)

    def network(self, spec: OwnSpec, task: Task) -> nn.Module:
        """See `Subject.network`: untrained, where the user says how; else a copy of the first, whose weights will be replaced."""
        made = self._untrained() if self._untrained is not None else copy.deepcopy(self._networks[0])
        return made.to(task.device)

    def given(self, spec: OwnSpec, seed: int) -> nn.Module:
        """See `Subject.given`."""
        return copy.deepcopy(self._networks[seed])

    def given_digest(self, spec: OwnSpec, seed: int) -> str:
        """See `Subject.given_digest`."""
        return spec.networks[seed]

    def data_digest(self, spec: OwnSpec, search: Search) -> str:
        """See `Subject.data_digest`."""
        by_name = dict(zip((one.name for one in self._functions), spec.functions, strict=True))
        return by_name.get(search.function) or fingerprint(list(spec.functions))

    def unmasked(self, spec: OwnSpec) -> tuple[str, ...]:
        """See `Subject.unmasked`."""
        return spec.exclude

    def numbers(self, network: NetworkResult[Any]) -> Numbers:
        """See `Subject.numbers`."""
        return own_numbers(network)

    def pinned(self, spec: OwnSpec, data_dir: Path | None) -> OwnSpec:
        """See `Subject.pinned`: weights, data, loss and score by their digests."""
        return replace(
            spec,
            networks=tuple(fingerprint(dict(network.state_dict())) for network in self._networks),
            functions=tuple(one.digest for one in self._functions),
            loss=code_fingerprint(self._loss),
            score=code_fingerprint(self._score),
        )

    def for_timing(self, spec: OwnSpec) -> OwnSpec:
        """See `Subject.for_timing`: the data are there already, and the steps of a plan are named by their digests."""
        return self.pinned(spec, None)

    def require(self, spec: OwnSpec, runtime: Runtime) -> None:
        """See `Subject.require`: that networks, data, loss and score fit together, by using them once."""
        if "untrained" in spec.controls and self._untrained is None:
            raise ConfigError(
                "controls has untrained, but nobody said how to make an untrained network: give untrained=..., a function that "
                "returns one, or leave the control out."
            )
        task = self.task(spec, runtime.device)
        for place, network in enumerate(self._networks):
            select(network, exclude=spec.exclude)
            for function in task.functions:
                _require_fit(copy.deepcopy(network).to(runtime.device), task, function, place)


class Study:
    """A study of networks that the user brings: which weights carry each function, and do two functions use the same?

    Args:
        network: trained; or several of one kind, which are the replicates: with one there are no intervals.
        functions: data of each function by its name: a list or another iterable of parts, of which the last fifth is kept for
            scores; or a function of an index.
        loss: ``loss(network, part) -> scalar tensor``, what the network was trained by or what says that the function is there.
        score: ``score(network, part)``: a share from 0 to 1, or such a number for each item, as
            ``(network(x).argmax(-1) == y)``.
        scored: parts for scores by the function's name; else as said.
        exclude: patterns of the parameters that no mask is over.
        config: how each mask is found.
        repeats: further masks for each function: the ceiling of overlap.
        untrained: makes an untrained network; then that is a control, too.
        name: of the study.

    Raises:
        BatchesError: a function has no batches, or they are no such thing.
        ConfigError: names cannot be told apart, or there is no network.

    Example:
        >>> from torch import nn
        >>> network = nn.Linear(4, 2)
        >>> batches = [torch.randn(8, 4) for _ in range(10)]
        >>> study = Study(
        ...     network,
        ...     functions={"first": batches, "second": [-part for part in batches]},
        ...     loss=lambda network, x: network(x)[:, 0].pow(2).mean(),
        ...     score=lambda network, x: network(x)[:, 0] > 0,
        ...     config=MaskConfig(steps=2),
        ... )
        >>> study.study.name, len(study.study.claims)
        ('own', 4)
    """

    def __init__(
        self,
        network: nn.Module | Sequence[nn.Module],
        functions: Mapping[str, object],
        loss: Loss,
        score: Score,
        *,
        scored: Mapping[str, object] | None = None,
        exclude: Sequence[str] = ("*bias*",),
        config: MaskConfig | None = None,
        repeats: int = 1,
        untrained: Callable[[], nn.Module] | None = None,
        name: str = _NAME,
    ) -> None:
        networks = [network] if isinstance(network, nn.Module) else list(network)
        if not networks:
            raise ConfigError("network is an empty list; a torch module, or a list of some of one kind, was expected.")
        require_names(functions)
        if unknown := sorted(set(scored or {}) - set(functions)):
            raise ConfigError(f"scored names {', '.join(unknown)}, which is no function of this study: {', '.join(functions)}.")
        data = [function_data(key, batches, (scored or {}).get(key)) for key, batches in functions.items()]
        controls = ("untrained", "shuffled-weights") if untrained is not None else ("shuffled-weights",)
        spec = OwnSpec(exclude=tuple(exclude), mask=mask_spec(config or MaskConfig()), repeats=repeats, controls=controls)  # type: ignore[arg-type]
        smoke = replace(spec, mask=replace(spec.mask, steps=min(spec.mask.steps, 20)), random_draws=1)
        self.networks = len(networks)
        self.study = EngineStudy(
            name=name,
            summary=f"the functions {', '.join(functions)} of a network of the user's own",
            spec=OwnSpec,
            procedure=MaskProcedure(Own(networks, data, loss, score, untrained)),
            page=PAGE,
            presets={
                _NAME: {
                    "quick": ("as the study says", spec),
                    "smoke": ("a few steps; shows that everything runs, not that anything is found", smoke),
                }
            },
            claims=claims_of(tuple(functions)),
            kind="",
            reader=_NAME,
            networks=len(networks),
        )

    def run(
        self,
        out: str | Path,
        *,
        preset: str = "quick",
        device: str = "cpu",
        watch: Callable[[str], Sequence[Observer]] = lambda name: (ProgressBar(name),),
        announce: Callable[[str], None] = print,
    ) -> "MaskRecord[Any]":
        """Makes whatever the run folder lacks: masks, record, page, figures, tables. What is finished is not done again.

        Args:
            out: the run folder.
            preset: ``quick``, or ``smoke`` to see whether it runs.
            device: torch device.
            watch: makes the observers of a long step from its name.
            announce: is told what happens.

        Raises:
            MaskscopeError: the network, the data, the loss or the score do not fit together, or the folder cannot be used.
        """
        from maskscope.report import write_everything

        spec = self.study.preset(preset)
        job = Job(self.study, spec, tuple(range(self.networks)), str(out), device)
        record = run_study(preset, job, watch=watch, announce=announce)
        announce(f"report: {write_everything(record, PAGE, Path(job.run))}")
        assert isinstance(record, MaskRecord), "as every study of masks has it"
        return record


def mask_spec(config: MaskConfig) -> MaskSpec:
    """A search's settings as a study has them: parts are as the user cut them, and each is one item."""
    return MaskSpec(
        steps=config.steps,
        batch_size=config.samples_per_step,
        samples_per_step=config.samples_per_step,
        learning_rate=config.learning_rate,
        beta=config.penalty_weight,
        reference_batch=1,
        initial_logit=config.initial_logit,
        estimator=config.estimator,
        temperature=config.temperature,
        clip_norm=config.clip_norm,
        accumulation=config.accumulation,
        schedule=config.schedule,  # type: ignore[arg-type]
        stop_when_settled=config.stop_when_settled,
    )


def _require_fit(network: nn.Module, task: Task, function: str, place: int) -> None:
    """Uses loss and score once, so that what does not fit is said before any work."""
    part = task.batches(function, 1, 0)(0)
    try:
        loss = task.loss(network, part)
    except MaskscopeError:
        raise
    except Exception as error:
        raise ConfigError(
            f"The loss cannot be computed for network {place} and the data of function {function}: {type(error).__name__}: "
            f"{error}. Loss, network and data should fit together: loss(network, part) is called with one part at a time."
        ) from error
    found: object = loss
    if not isinstance(found, Tensor) or found.numel() != 1:
        what = f"a tensor of shape {list(found.shape)}" if isinstance(found, Tensor) else f"of the type {type(found).__name__}"
        raise ConfigError(f"The loss of function {function} is {what}; a scalar tensor was expected.")
    try:
        task.score(network)
    except MaskscopeError:
        raise
    except Exception as error:
        raise ConfigError(
            f"The score cannot be computed for network {place}: {type(error).__name__}: {error}. score(network, part) is called "
            "with one part at a time."
        ) from error


def _absent(*_: Any) -> Any:
    raise StudyFileError("This record is of a network that is not here: it can be shown, not run. Run the file that made it.")


# reads the records of all studies of a user's own networks; it has none to run
READER = EngineStudy(
    name=_NAME,
    summary="a network of the user's own",
    spec=OwnSpec,
    procedure=MaskProcedure(Own((), (), _absent, _absent)),
    page=PAGE,
    presets={_NAME: {"quick": ("as the study says", OwnSpec())}},
    kind="",
    reader=_NAME,
)
