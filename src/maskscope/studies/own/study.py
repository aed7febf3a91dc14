"""The user's own network: the plainest study, and the first that a reader should open."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.engine.study import Study as EngineStudy
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import BehaviourKept, Heads, Penalty, Size, TargetDensity
from maskscope.procedure.masking import words_of
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.record import MaskRecord
from maskscope.procedure.settings import MaskSpec
from maskscope.studies.differences import METHOD
from maskscope.studies.own.claims import claims_of
from maskscope.studies.own.controls.disjoint import KindOf
from maskscope.studies.own.data import function_data, require_names
from maskscope.studies.own.networks import MakeNetwork, given_networks
from maskscope.studies.own.page import PAGE
from maskscope.studies.own.spec import OwnSpec
from maskscope.studies.own.subject import Own
from maskscope.tasks import Task
from maskscope.tasks.functions import Loss, Score
from maskscope.training import MaskConfig, Observer, ProgressBar

_NAME = "own"
_SMOKE_STEPS = 20
_DIFFERENCES = ("Networks, functions, loss and score are the user's own: the paper says nothing of them.", *METHOD)


class Study:
    """Which weights of a trained network carry each of its functions, and do two functions use the same weights?

    A study finds a binary mask for each function and one for all of them together, measures every function under every mask and
    without its weights, compares the masks with each other and with what chance gives, and writes a page about it.

    Args:
        network: the trained network; it is not changed. Or a list of networks of one kind, trained from different seeds, each a
            module or the state dict of one: they are the replicates. With one network there are no intervals, and every claim
            stays open.
        functions: the data of each function by the function's name: a list of parts (or a DataLoader, or a generator function),
            or a function ``batches(index) -> part``. A part is whatever ``loss`` and ``score`` take, such as a pair
            ``(inputs, targets)``; on an accelerator its tensors are moved there.
        loss: ``loss(network, part) -> scalar tensor``: small where the network performs the function.
        score: ``score(network, part)``: a number from 0 to 1 for each item, such as ``network(x).argmax(-1) == y``, or one
            share. The score of a function is the mean of all these numbers.
        scored: parts for scores, by the function's name. Functions that are not named: of a list, its last fifth, which no mask
            is found with; of a function of an index, parts of indices that no search asks for.
        exclude: patterns of the parameters that no mask is over.
        config: how each mask is found. By default, it is the smallest that keeps .95 of the function's score
            (`MaskConfig.recommended`).
        units: what one bit of a mask stands for: ``weight``, ``row``, ``column``, ``filter``, ``channel``, ``head``, ``tensor``,
            ``block``; or the unit of each pattern of parameter names, such as ``{"*attn*": "head", "*": "row"}``.
        off: what stands in place of weights that are off: ``zero``, their tensor's ``mean``, or a value ``drawn`` from it.
        repeats: further masks for each function, with other noise and data order: two masks for the same function are the most
            that two functions can be expected to share.
        untrained: makes an untrained network of this kind; masks are then sought there, too, where nothing should be found.
        controls: what masks are compared with: ``untrained``, ``shuffled-weights``, ``shuffled-labels``, ``spike-in``,
            ``disjoint-inputs`` (see `OwnSpec.controls`). None: those that together cost no more masks than the study itself.
        kinds: ``kinds(part)``, the kind of a part's inputs, for ``disjoint-inputs``: masks of one function are compared between
            kinds. None: between halves of the parts.
        name: of the study.

    Raises:
        BatchesError: a function has no batches, or they are no such thing.
        ConfigError: names cannot be told apart, or the networks are none, or of different kinds.

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
        >>> record = study.run("runs/mine", preset="smoke")  # doctest: +SKIP
    """

    def __init__(
        self,
        network: nn.Module | Sequence[nn.Module | Mapping[str, Any]],
        functions: Mapping[str, object],
        loss: Loss,
        score: Score,
        *,
        scored: Mapping[str, object] | None = None,
        exclude: Sequence[str] = ("*bias*",),
        config: MaskConfig | None = None,
        units: str | Heads | Mapping[str, str | Heads] = "weight",
        off: Literal["zero", "mean", "drawn"] = "zero",
        repeats: int = 1,
        untrained: MakeNetwork | None = None,
        controls: Sequence[str] | None = None,
        kinds: KindOf | None = None,
        name: str = _NAME,
    ) -> None:
        networks = given_networks(network, untrained)
        if not isinstance(functions, Mapping):
            raise ConfigError(
                f"functions is of the type {type(functions).__name__}; the data of each function by its name was expected, as in "
                'functions={"add": batches}.'
            )
        require_names(functions)
        if unknown := sorted(map(str, set(scored or {}) - set(functions))):
            raise ConfigError(f"scored names {', '.join(unknown)}, which is no function of this study: {', '.join(functions)}.")
        for what, one in {"loss": loss, "score": score, "untrained": untrained or _absent, "kinds": kinds or _absent}.items():
            if not callable(one):
                raise ConfigError(f"{what} is of the type {type(one).__name__}; a function was expected.")
        config = MaskConfig.recommended() if config is None else config
        path = isinstance(config.size, BehaviourKept)
        data = [function_data(key, batches, (scored or {}).get(key), hold_out=path) for key, batches in functions.items()]
        self.networks = len(networks)
        self._subject = Own(networks, data, loss, score, untrained, kinds)
        controls = self._subject.usual_controls(repeats) if controls is None else tuple(controls)
        if unknown := [one for one in controls if one not in Own.controls]:
            raise UnknownNameError("control of this study", unknown[0], Own.controls)
        self.study = EngineStudy(
            name=name,
            summary=f"the functions {', '.join(functions)} of a network of the user's own",
            spec=OwnSpec,
            procedure=MaskProcedure(self._subject),
            page=PAGE,
            presets={
                _NAME: _presets(
                    tuple(exclude),
                    replace(mask_spec(config), units=words_of(units), off=off),
                    repeats,
                    controls,
                )
            },
            claims=claims_of(tuple(functions)),
            differences=_DIFFERENCES,
            kind="",
            reader=_NAME,
            networks=len(networks),
        )

    @property
    def task(self) -> Task:
        """The functions with their data for scores, as ``maskscope.score(network, study.task, mask)`` takes them."""
        return self._subject.task(self.study.preset("quick"), torch.device("cpu"))

    def network(self, number: int = 0) -> nn.Module:
        """A copy of one of the study's networks."""
        return self._subject.given_network(self.study.preset("quick"), number)

    def run(
        self,
        out: str | Path,
        *,
        preset: str = "quick",
        device: str = "cpu",
        watch: Callable[[str], Sequence[Observer]] = lambda name: (ProgressBar(name),),
        announce: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
    ) -> "MaskRecord[Any]":
        """Makes whatever the run folder lacks: masks, record, page, figures, tables. What is finished is not done again.

        Args:
            out: the run folder.
            preset: ``quick`` for the study as it is; ``smoke`` for a few steps, to see whether everything runs.
            device: torch device.
            watch: makes the observers of a search from its name: a progress bar each; ``lambda name: ()`` for none.
            announce: is told in words what happens; on standard error unless told.

        Raises:
            MaskscopeError: the network, the data, the loss or the score do not fit together, or the folder cannot be used.
        """
        from maskscope.report import write_everything

        job = Job(self.study, self.study.preset(preset), tuple(range(self.networks)), str(out), device)
        record = run_study(preset, job, watch=watch, announce=announce)
        announce(f"report: {write_everything(record, PAGE, Path(job.run))}")
        assert isinstance(record, MaskRecord), "as every study of masks has it"
        return record


def _presets(exclude: tuple[str, ...], mask: MaskSpec, repeats: int, controls: tuple[str, ...]) -> dict[str, tuple[str, OwnSpec]]:
    spec = OwnSpec(exclude=exclude, mask=mask, repeats=repeats, controls=controls)  # type: ignore[arg-type]
    smoke = replace(spec, mask=replace(mask, steps=min(mask.steps, _SMOKE_STEPS)), random_draws=1)
    return {
        "quick": ("as the study says", spec),
        "smoke": ("a few steps; shows that everything runs, not that anything is found", smoke),
    }


def mask_spec(config: MaskConfig) -> MaskSpec:
    """A search's settings as a study has them: parts are as the user cut them, and each is one item.

    Raises:
        ConfigError: a study cannot have them.
    """
    annealing = config.annealing
    if annealing is not None and annealing.shape != "geometric":
        raise ConfigError(f"A study's annealing is geometric, and this one is {annealing.shape}. Give Annealing(start, end).")
    return MaskSpec(
        steps=config.steps,
        batch_size=config.samples,
        samples_per_step=config.samples,
        learning_rate=config.learning_rate,
        **_size(config.size),
        reference_batch=1,
        initial_logit=config.initial_logit,
        estimator=config.estimator,
        temperature=config.temperature,
        annealing=(annealing.start, annealing.end) if annealing else (),
        clip_norm=config.clip_norm,
        accumulation=config.accumulation,
        schedule=config.schedule,  # type: ignore[arg-type]
        stop_when_settled=config.stop_when_settled,
        stop_when_lost=config.stop_when_lost,
    )


def _size(size: Size) -> dict[str, Any]:
    """A size as the settings of a study name it.

    Raises:
        ConfigError: it has settings that a study has not.
    """
    match size:
        case Penalty(weight, of):
            return {"beta": weight, "penalty_of": of}
        case TargetDensity(share):
            known: Size = TargetDensity(share)
            found = {"size": size.name, "share": share}
        case BehaviourKept(share, of):
            known, found = BehaviourKept(share, of), {"size": size.name, "share": share, "behaviour": of}
        case _:
            raise ConfigError(
                f"A study has no size of the type {type(size).__name__}; Penalty, TargetDensity or BehaviourKept was expected."
            )
    if known != size:
        raise ConfigError(f"A study can vary the share of {size.name} and what it is of; leave the other settings of {size} out.")
    return found


def _absent(*_: Any) -> Any:
    """Stands for the functions that a study which only reads records lacks; `Own.require` refuses before it is called."""


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
