"""Masks of one function from disjoint inputs: how much do they share, if the function is the same and its inputs are not?

Two masks that were found with the same data agree more than two that were found with different inputs for the same function. If
masks of two functions differ no more than these, the difference may come from the inputs alone.

Source: "phantom specialisation": circuits that were found with different inputs differ, and yet do the same (Many Circuits, One
Mechanism, arXiv 2606.06267).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from maskscope.analysis import ceiling, score
from maskscope.errors import BatchesError, ConfigError
from maskscope.procedure.controls import Control, Experiment, Trial
from maskscope.procedure.plans import MaskPlan
from maskscope.procedure.work import compute_of
from maskscope.studies.own.result import DisjointInputs
from maskscope.tasks import Task
from maskscope.tasks.functions import INDICES, FunctionData
from maskscope.training import MaskSearch, child_seed, discover_many

KindOf = Callable[[Any], object]
HALVES = ("half 1", "half 2")
_NAME = "disjoint-inputs"
# of a function of an index, so many parts are looked at, to tell their kinds
_LOOKED_AT = 256
# parts of a kind: to search with, and to judge masks on while they are sought
_LEAST, _LEAST_HELD_OUT = 2, 2


def by_kind(data: FunctionData, kind_of: KindOf | None) -> dict[str, FunctionData]:
    """The data of a function by kind of input; without kinds, every second part, and the others.

    Halves are judged on the same held-out parts while they are sought, kinds on their own.

    Args:
        data: of the function.
        kind_of: the kind of a part.

    Raises:
        ConfigError: there are no two kinds, or too few parts of one.
    """
    if kind_of is None:
        return _halves(data)
    parts = [data.parts(index) for index in range(_LOOKED_AT)] if callable(data.parts) else data.parts
    found, held_out = _grouped(data.name, parts, kind_of), _grouped(data.name, data.held_out, kind_of)
    if len(found) < 2:
        raise ConfigError(
            f"kinds gives all parts of function {data.name} one kind, {next(iter(found))!r}; at least two kinds were expected. A "
            "part should hold inputs of one kind only: cut the data by kind first."
        )
    few = [kind for kind, some in found.items() if len(some) < _LEAST]
    few += [kind for kind in found if data.held_out and len(held_out.get(kind, ())) < _LEAST_HELD_OUT and kind not in few]
    if few:
        raise ConfigError(
            f"Of function {data.name}, too few parts are of the kind {', '.join(few)}: at least {_LEAST} to search with were "
            f"expected, and where masks are judged while they are sought {_LEAST_HELD_OUT} held out. Cut its data into more "
            "parts in mixed order, or leave disjoint-inputs out of the controls."
        )
    return {kind: replace(data, parts=some, held_out=tuple(held_out.get(kind, ()))) for kind, some in found.items()}


def can_be_halved(data: FunctionData) -> bool:
    """Whether there are parts enough for two halves."""
    return callable(data.parts) or len(data.parts) >= 2 * _LEAST


def _halves(data: FunctionData) -> dict[str, FunctionData]:
    if callable(data.parts):
        function = data.parts

        def every_second(index: int, first: int) -> Any:
            return function((2 * index + first) % INDICES)

        return {half: replace(data, parts=partial(every_second, first=place)) for place, half in enumerate(HALVES)}
    if not can_be_halved(data):
        raise ConfigError(
            f"Function {data.name} has {len(data.parts)} parts to search with; for two masks from disjoint inputs, {2 * _LEAST} "
            "were expected. Cut its data into more parts, or leave disjoint-inputs out of the controls."
        )
    return {half: replace(data, parts=data.parts[place::2]) for place, half in enumerate(HALVES)}


def _grouped(function: str, parts: Sequence[Any], kind_of: KindOf) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for part in parts:
        try:
            kind = str(kind_of(part))
        except Exception as error:
            raise BatchesError(
                f"kinds raised {type(error).__name__} for a part of function {function}: {error}. It is called with one part at "
                "a time, and returns the name of its kind."
            ) from error
        found.setdefault(kind, []).append(part)
    return dict(sorted(found.items()))


def disjoint_inputs(trial: Trial, tasks: Mapping[str, Task], parts: Mapping[str, int]) -> DisjointInputs:
    """A mask of one function for each kind of its inputs, with the study's settings, and their overlap.

    Args:
        trial: the piece is the function's name.
        tasks: the user's task with the data of one kind only, by kind.
        parts: how many parts of data each kind has; 0 where a function of an index has no end.
    """
    work, function = trial.work, trial.piece
    spec = work.spec
    selection, off = work.selection(trial.network), work.subject.off_values(spec, work.seed)
    masks = []
    for place, (kind, task) in enumerate(tasks.items()):
        wanted = MaskSearch(
            function,
            task.batches(function, spec.mask.part_size, child_seed(trial.seed, "data", kind)),
            child_seed(trial.seed, "masks"),
            place,
            work.runtime.watch(f"{trial.name}-{kind}"),
            held_out=task.held_out(function),
        )
        (found,) = discover_many(
            trial.network,
            task.loss,
            [wanted],
            selection=selection,
            config=spec.mask.config(),
            checkpoint=trial.checkpoint if place == 0 else None,
            compute=compute_of(work.subject, spec, work.runtime),
            check=work.subject.check,
            judge=False,
            watch=False,
            score=task.part_score,
            off=off,
        )
        masks.append(found.mask)
    overlap = ceiling(masks)
    return DisjointInputs(
        function,
        tuple(tasks),
        tuple(parts.values()),
        tuple(mask.kept for mask in masks),
        overlap.dice,
        overlap.floor,
        tuple(score(trial.network, work.task, mask).accuracy[function] for mask in masks),
    )


def _run(trial: Trial) -> DisjointInputs:
    work = trial.work
    return disjoint_inputs(trial, *work.subject.by_kind(work.spec, work.seed, trial.piece, work.task.device))


def _needs(_plan: MaskPlan, _piece: str) -> bool:
    return False


DISJOINT_INPUTS = Control(
    _NAME,
    "Masks of one function from disjoint inputs",
    "disjoint inputs",
    null=False,
    experiment=Experiment(lambda spec, task: task.functions, _run, _needs, 2),
)
