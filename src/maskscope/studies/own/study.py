"""The user's own network: the plainest study, and the first that a reader should open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskscope.engine.job import Job
from maskscope.engine.plan import make_plan
from maskscope.engine.planned import Plan
from maskscope.engine.run import run_study
from maskscope.engine.study import Study as EngineStudy
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import BehaviourKept, Heads, Off
from maskscope.procedure.masking import words_of
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.record import MaskRecord
from maskscope.report.progress import RunProgress
from maskscope.studies.differences import METHOD
from maskscope.studies.own.claims import claims_of
from maskscope.studies.own.controls.disjoint import KindOf
from maskscope.studies.own.data import function_data, require_names
from maskscope.studies.own.items import Collate
from maskscope.studies.own.networks import MakeNetwork, given_networks, off_weights
from maskscope.studies.own.objectives import objectives_of, require_different, score_name_in
from maskscope.studies.own.page import PAGE
from maskscope.studies.own.presets import mask_spec, presets_of
from maskscope.studies.own.series import Label, series_labels
from maskscope.studies.own.spec import OwnSpec
from maskscope.studies.own.subject import Own
from maskscope.tasks import Task
from maskscope.tasks.objective import Loss, Objective, Score
from maskscope.training import MaskConfig, Observer, ProgressBar

AnyLoss = str | Objective | Loss
_NAME = "own"
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
        off: what stands in place of weights that are off: ``zero``, their tensor's ``mean``, a value ``drawn`` from it; or
            another network of this kind, or its state dict. With the network that was fine-tuned, a mask is over what fine-tuning
            changed.
        repeats: further masks for each function, with other noise and data order: two masks for the same function are the most
            that two functions can be expected to share.
        untrained: makes an untrained network of this kind; masks are then sought there, too, where nothing should be found.
        series: what the networks are called where they are checkpoints of one network, in the order of training: the numbers of
            their steps, or names. They are then no replicates: n is 1, and the page shows what becomes of the masks over time.
        warm: of a series, whether each search starts from the mask found for the same function on the checkpoint before.
        controls: what masks are compared with: ``untrained``, ``shuffled-weights``, ``shuffled-labels``, ``spike-in``,
            ``disjoint-inputs`` (see `OwnSpec.controls`). None: those that together cost no more masks than the study itself.
        kinds: ``kinds(part)``, the kind of a part's inputs, for ``disjoint-inputs``: masks of one function are compared between
            kinds. None: between halves of the parts.
        name: of the study.

    Raises:
        BatchesError: a function has no batches, or they are no such thing.
        ConfigError: names cannot be told apart, or the networks are none, or of different kinds.

    Examples:
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
        series: Sequence[Label] | None = None,
        warm: bool = True,
        controls: Sequence[str] | None = None,
        kinds: KindOf | None = None,
        name: str = _NAME,
    ) -> None:
        networks = given_networks(network, untrained)
        labels = () if series is None else series_labels(series, len(networks))
        if not isinstance(functions, Mapping):
            raise ConfigError(
                f"functions is of the type {type(functions).__name__}; the data of each function by its name was expected, as in "
                'functions={"add": batches}.'
            )
        require_names(functions)
        if unknown := sorted(map(str, set(scored or {}) - set(functions))):
            raise ConfigError(f"scored names {', '.join(unknown)}, which is no function of this study: {', '.join(functions)}.")
        for what, one in {"untrained": untrained, "kinds": kinds}.items():
            if one is not None and not callable(one):
                raise ConfigError(f"{what} is of the type {type(one).__name__}; a function was expected.")
        objectives = objectives_of(tuple(functions), loss, score)
        config = MaskConfig.recommended() if config is None else config
        path = isinstance(config.size, BehaviourKept)
        data = [
            function_data(key, one, (scored or {}).get(key), hold_out=path, batch_size=batch_size, collate=collate)
            for key, one in functions.items()
        ]
        require_different(data, objectives)
        self.networks = len(networks)
        other = off_weights(off, networks[0])
        self._subject = Own(networks, data, objectives, untrained, other, labels, kinds)
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
                _NAME: presets_of(
                    tuple(exclude),
                    replace(mask_spec(config), units=words_of(units), off=off if isinstance(off, str) else "other"),
                    repeats,
                    controls,
                    series=labels,
                    warm=warm,
                )
            },
            claims=claims_of(tuple(functions)),
            differences=_DIFFERENCES,
            kind="",
            reader=_NAME,
            score_name=score_name_in,
            networks=1 if labels else len(networks),
        )

    @property
    def task(self) -> Task:
        """The functions with their data for scores, as ``maskscope.score(network, study.task, mask)`` takes them."""
        return self._subject.task(self.study.preset("quick"), torch.device("cpu"))

    def off_values(self, seed: int = 0) -> Off:
        """What stands in place of weights that are off; ``seed`` is of the values drawn."""
        return self._subject.off_values(self.study.preset("quick"), seed)

    def network(self, number: int = 0) -> nn.Module:
        """A copy of one of the study's networks; of a series, of the checkpoint of that place."""
        return self._subject.copy_of(number)

    def plan(self, out: str | Path = "runs", *, preset: str = "quick", device: str = "cpu") -> Plan:
        """What `run` would do: what is masked, what a step costs and how long all takes, memory, and whether it fits.

        A few steps are timed; nothing is kept. ``print(study.plan())`` shows it.

        Args:
            out: the run folder, whose finished work is not counted.
            preset: see `run`.
            device: torch device.

        Raises:
            MaskscopeError: the network, the data, the loss or the score do not fit together.
        """
        return make_plan(self._job(out, preset, device))

    def run(
        self,
        out: str | Path,
        *,
        preset: str = "quick",
        device: str = "cpu",
        watch: Callable[[str], Sequence[Observer]] | None = None,
        announce: Callable[[str], None] | None = None,
    ) -> "MaskRecord[Any]":
        """Makes whatever the run folder lacks: masks, record, page, figures, tables. What is finished is not done again.

        Args:
            out: the run folder.
            preset: ``quick`` for the study as it is; ``smoke`` for a few steps, to see whether everything runs.
            device: torch device.
            watch: makes the observers of a search from its name, such as a progress bar each; a `Tracker` logs the searches and
                the result. None: in a notebook a bar for each search, elsewhere the progress of the whole.
            announce: is told in words what happens. None: standard error is, with how much of the whole is done.

        Raises:
            MaskscopeError: the network, the data, the loss or the score do not fit together, or the folder cannot be used.
        """
        from maskscope.report import write_everything

        job = self._job(out, preset, device)
        with RunProgress().shown() as progress:
            bars = progress.in_notebook and announce is None
            record = run_study(
                preset,
                job,
                watch=watch or (lambda name: (ProgressBar(name),) if bars else ()),
                announce=announce or progress.announce,
                planned=True,
                follower=None if bars or announce else progress,
            )
            (announce or progress.announce)(f"report: {write_everything(record, PAGE, Path(job.run))}")
        assert isinstance(record, MaskRecord), "as every study of masks has it"
        return record

    def _job(self, out: str | Path, preset: str, device: str) -> Job:
        return Job(self.study, self.study.preset(preset), tuple(range(self.study.networks)), str(out), device)


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
    title="A network of your own",
    score_name=score_name_in,
)
