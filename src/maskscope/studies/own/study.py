"""The user's own network: the plainest study, and the first that a reader should open."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.engine.study import Study as EngineStudy
from maskscope.errors import BatchesError, ConfigError
from maskscope.masks import BehaviourKept, Heads, Penalty, Size, TargetDensity
from maskscope.procedure.masking import words_of
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.record import MaskRecord
from maskscope.procedure.settings import MaskSpec
from maskscope.studies.differences import METHOD
from maskscope.studies.own.claims import claims_of
from maskscope.studies.own.data import function_data, require_names
from maskscope.studies.own.items import Collate
from maskscope.studies.own.networks import MakeNetwork, given_networks, off_weights
from maskscope.studies.own.page import PAGE
from maskscope.studies.own.spec import OwnSpec
from maskscope.studies.own.subject import Own
from maskscope.tasks import Task
from maskscope.tasks.functions import FunctionData
from maskscope.tasks.objective import Loss, Objective, Score
from maskscope.tasks.objectives import objective_of
from maskscope.training import MaskConfig, Observer, ProgressBar

AnyLoss = str | Objective | Loss
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
        functions: the data of each function by the function's name. A DataLoader, a list of parts or another iterable of them; a
            torch Dataset (or one of the package datasets, or a list of dicts of plain numbers), whose items are put together into
            parts; or a function ``batches(index) -> part``. A part is a pair ``(inputs, labels)``, a mapping as transformers
            takes it, or whatever loss and score of your own take; on an accelerator its tensors are moved there.
        loss: small where the network performs the function: ``labels`` (cross-entropy with the labels of a part), ``unmasked``
            (divergence from the network's own answers, so that no labels are needed), ``values`` (mean squares; see `Values`),
            or your own ``loss(network, part) -> scalar tensor``. Or a mapping from the functions' names to these.
        score: a number from 0 to 1 for each item, or one share; by default, that of the named loss: accuracy, agreement with the
            unmasked network, explained variance. Or your own ``score(network, part)``, such as ``network(x).argmax(-1) == y``; a
            loss of your own needs one. Or a mapping from the functions' names to these. The score of a function is the mean.
        scored: data for scores, by the function's name. Functions that are not named: of a list, its last fifth, which no mask
            is found with; of a function of an index, parts of indices that no search asks for.
        batch_size: items of a part, if data are single items; by default 32, or a twentieth of the items if that is less.
        collate: makes a part of a list of single items, such as a data collator of transformers.
        exclude: patterns of the parameters that no mask is over.
        config: how each mask is found. By default, it is the smallest that keeps .95 of the function's score
            (`MaskConfig.recommended`).
        units: what one bit of a mask stands for: ``weight``, ``row``, ``column``, ``filter``, ``channel``, ``head``, ``tensor``,
            ``block``; or the unit of each pattern of parameter names, such as ``{"*attn*": "head", "*": "row"}``.
        off: what stands in place of weights that are off: ``zero``, their tensor's ``mean``, a value ``drawn`` from it; or another
            network of this kind, or its state dict. With the network that was fine-tuned, a mask is over what fine-tuning changed.
        repeats: further masks for each function, with other noise and data order: two masks for the same function are the most
            that two functions can be expected to share.
        untrained: makes an untrained network of this kind; masks are then sought there, too, where nothing should be found.
        name: of the study.

    Raises:
        BatchesError: a function has no batches, or they are no such thing.
        ConfigError: names cannot be told apart, or the networks are none, or of different kinds.

    Example:
        >>> from torch import nn
        >>> network = nn.Linear(4, 2)
        >>> batches = [torch.randn(8, 4) for _ in range(10)]
        >>> positive = {"positive": [part.abs() for part in batches], "negative": [-part.abs() for part in batches]}
        >>> study = Study(network, functions=positive, loss="unmasked")
        >>> record = study.run("runs/mine", preset="smoke")  # doctest: +SKIP
    """

    def __init__(
        self,
        network: nn.Module | Sequence[nn.Module | Mapping[str, Any]],
        functions: Mapping[str, object],
        loss: AnyLoss | Mapping[str, AnyLoss] = "labels",
        score: Score | Mapping[str, Score] | None = None,
        *,
        scored: Mapping[str, object] | None = None,
        batch_size: int | None = None,
        collate: Collate | None = None,
        exclude: Sequence[str] = ("*bias*",),
        config: MaskConfig | None = None,
        units: str | Heads | Mapping[str, str | Heads] = "weight",
        off: Literal["zero", "mean", "drawn"] | nn.Module | Mapping[str, Tensor] = "zero",
        repeats: int = 1,
        untrained: MakeNetwork | None = None,
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
        if untrained is not None and not callable(untrained):
            raise ConfigError(f"untrained is of the type {type(untrained).__name__}; a function was expected.")
        objectives = _objectives(tuple(functions), loss, score)
        config = MaskConfig.recommended() if config is None else config
        path = isinstance(config.size, BehaviourKept)
        data = [
            function_data(key, one, (scored or {}).get(key), hold_out=path, batch_size=batch_size, collate=collate)
            for key, one in functions.items()
        ]
        _require_different(data, objectives)
        self.networks = len(networks)
        other = off_weights(off, networks[0])
        self._subject = Own(networks, data, objectives, untrained, other)
        self.study = EngineStudy(
            name=name,
            summary=f"the functions {', '.join(functions)} of a network of the user's own",
            spec=OwnSpec,
            procedure=MaskProcedure(self._subject),
            page=PAGE,
            presets={
                _NAME: _presets(
                    tuple(exclude),
                    replace(mask_spec(config), units=words_of(units), off=off if isinstance(off, str) else "other"),
                    repeats,
                    has_untrained=untrained is not None,
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


def _objectives(functions: Sequence[str], loss: object, score: object) -> dict[str, Objective]:
    """The objective of each function.

    Raises:
        ConfigError: a mapping does not name exactly the functions; and see `objective_of`.
    """
    for what, given in {"loss": loss, "score": score}.items():
        if isinstance(given, Mapping) and set(given) != set(functions):
            raise ConfigError(
                f"{what} names {', '.join(map(str, given)) or 'nothing'}; one for each function was expected: {', '.join(functions)}."
            )
    made: dict[tuple[int, int], Objective] = {}
    found = {}
    for name in functions:
        own_loss, own_score = (one[name] if isinstance(one, Mapping) else one for one in (loss, score))
        key = id(own_loss), id(own_score)
        made[key] = found[name] = made.get(key) or objective_of(own_loss, own_score)
    return found


def _require_different(data: Sequence[FunctionData], objectives: Mapping[str, Objective]) -> None:
    """Raises `BatchesError` if two functions are one: of the same data and the same objective."""
    for first, second in combinations(data, 2):
        if first.digest == second.digest and objectives[first.name] is objectives[second.name]:
            raise BatchesError(
                f"Functions {first.name} and {second.name} have the same data, the same loss and the same score, so that they are one "
                "function. Two masks for one function come with repeats=1. Give them other data, or another loss each: "
                'loss={"first": ..., "second": ...}.'
            )


def _presets(exclude: tuple[str, ...], mask: MaskSpec, repeats: int, *, has_untrained: bool) -> dict[str, tuple[str, OwnSpec]]:
    spec = OwnSpec(exclude=exclude, mask=mask, repeats=repeats)
    if has_untrained:
        spec = replace(spec, controls=("untrained", *spec.controls))
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


# reads the records of all studies of a user's own networks; it has none to run
READER = EngineStudy(
    name=_NAME,
    summary="a network of the user's own",
    spec=OwnSpec,
    procedure=MaskProcedure(Own((), (), {})),
    page=PAGE,
    presets={_NAME: {"quick": ("as the study says", OwnSpec())}},
    kind="",
    reader=_NAME,
)
