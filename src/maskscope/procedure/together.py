"""Networks that are fitted in one call, and masks that are found in one: of one network, or of several of one shape.

The networks may be of several seeds, and of one: those of the null stand beside the trained one. What is fitted or found is what
it would be alone, to rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from maskscope.engine.artefact import Artefact
from maskscope.engine.quantities import TRAINED
from maskscope.engine.runtime import Runtime
from maskscope.engine.spec import to_json
from maskscope.engine.step import Write
from maskscope.masks import Selection, bake
from maskscope.procedure.mask_artefacts import logits_of, mask_writer, with_held
from maskscope.procedure.plans import MaskPlan, NetworkPlan, full_mask_plan
from maskscope.procedure.stages import start_role
from maskscope.procedure.starts import initial_logits, neighbours_logits
from maskscope.procedure.subject import FoundMask, Subject
from maskscope.procedure.work import SeedWork, compute_of
from maskscope.training import (
    Discovery,
    MaskSearch,
    Observer,
    Watchdog,
    child_seed,
    discover_many,
    fit,
    fit_many,
    watched_together,
)

# in one call: more than this gains nothing more, and takes memory
_MOST_NETWORKS, _MOST_MASKS = 32, 32
_MOST_BYTES = 2**30
# copies of the weights of a network that is fitted: weight, gradient, two moments. Of a mask: the same, and two for each sample
_COPIES = 4
_FLOAT = 4


@dataclass(frozen=True)
class NetworkToFit:
    """A network that is trained.

    Args:
        work: of its seed.
        plan: which network.
        name: of its artefact.
    """

    work: SeedWork
    plan: NetworkPlan
    name: str


@dataclass(frozen=True)
class MasksToFind:
    """Masks of one network that are found together.

    Args:
        work: of its seed.
        network: that they are masks of.
        group: the masks.
        names: of their artefacts.
    """

    work: SeedWork
    network: NetworkPlan
    group: Sequence[MaskPlan]
    names: Sequence[str]


def fit_networks(members: Sequence[tuple[NetworkToFit, Mapping[str, Artefact]]], checkpoint: Path) -> list[list[Write]]:
    """Trains networks, all in one call; a single one by itself. Returns what writes each."""
    wanted = [one for one, _ in members]
    first = wanted[0].work
    networks = [one.work.initial_network() for one in wanted]
    batches = [one.work.training_batches(one.plan) for one in wanted]
    seeds = [child_seed(one.work.seed, "fit") for one in wanted]
    observers = watched_together([one.name for one in wanted], first.runtime.watch)
    config, loss = first.spec.fit.config(), first.task.loss
    if len(wanted) == 1:
        went = fit(networks[0], loss, batches[0], config=config, seed=seeds[0], observers=observers[0], checkpoint=checkpoint)
    else:
        went = fit_many(networks, loss, batches, config=config, seeds=seeds, observers=observers, checkpoint=checkpoint)
    written = zip(wanted, networks, went.histories, strict=True)
    return [[one.work.network_writer(network, went.seconds / len(wanted), to_json(own))] for one, network, own in written]


def find_masks(members: Sequence[tuple[MasksToFind, Mapping[str, Artefact]]], checkpoint: Path) -> list[list[Write]]:
    """Finds masks, all in one call. Returns what writes those of each network.

    Args:
        members: the masks of each network, with the network; where masks keep a part of the full mask, that mask; where they
            start from those of another network, these.
        checkpoint: where the state is kept.
    """
    first = members[0][0].work
    guests = [_guest(one, inputs) for one, inputs in members]
    names = [name for one, _ in members for name in one.names]
    observers = iter(watched_together(names, first.runtime.watch))
    searches = [
        _search(one, plan, next(observers), guest, inputs)
        for (one, inputs), guest in zip(members, guests, strict=True)
        for plan in one.group
    ]
    found = iter(
        discover_many(
            guests[0].network,
            first.task.loss,
            searches,
            selection=guests[0].selection,
            config=first.spec.mask.config(),
            checkpoint=checkpoint,
            compute=compute_of(first.subject, first.spec, first.runtime),
            check=first.subject.check,
            judge=False,  # every mask is scored on the task's own evaluation data
            watch=False,
            score=first.task_of(members[0][0].network).part_score,
            off=first.subject.off_values(first.spec, first.seed),
        )
    )
    return [
        [mask_writer(guest.completed(next(found)), len(searches)) for _ in one.group]
        for (one, _), guest in zip(members, guests, strict=True)
    ]


def share_of_network(weights: int) -> float:
    """How much of a call the fitting of one network takes.

    Args:
        weights: of the network.
    """
    return max(1 / _MOST_NETWORKS, _COPIES * _FLOAT * weights / _MOST_BYTES)


def share_of_mask(weights: int, samples: int) -> float:
    """How much of a call the search for one mask takes.

    Args:
        weights: that it is over.
        samples: of a step.
    """
    return max(1 / _MOST_MASKS, (_COPIES + 2 * samples) * _FLOAT * weights / _MOST_BYTES)


def go_together(subject: Subject[Any], spec: Any, weights: int, runtime: Runtime) -> bool:
    """Whether networks of a study are fitted together, and their masks found together.

    Args:
        subject: of the study.
        spec: the settings.
        weights: of a network that can be masked.
        runtime: where and with what.
    """
    return subject.stacked(spec, weights) and runtime.executor in ("auto", "batched")


def masks_go_together(spec: Any) -> bool:
    """Whether masks of several networks may be found together, if these are alike.

    Not where a search ends when all of its masks are settled, or at the end of their paths: then each would depend on the others
    by more than rounding. And not where what stands in place of a weight that is off is of one network only.
    """
    config = spec.mask.config()
    ends_together = config.stop_when_settled or config.stop_when_lost or config.size.shrinks_until_it_fails
    return not ends_together and spec.mask.off == "zero"


@dataclass(frozen=True)
class _Guest:
    """A network as masks are sought on it.

    Args:
        network: where the masks keep a part of the full mask, with that part baked in.
        selection: what the masks are over.
        whole: what they are over in the end.
        full: the full mask, if they keep a part of it.
        held: the tensors of that part.
    """

    network: nn.Module
    selection: Selection
    whole: Selection
    full: FoundMask | None = None
    held: tuple[str, ...] = ()

    def completed(self, found: Discovery) -> Discovery:
        """A mask, with what it takes over from the full one."""
        return found if self.full is None else with_held(found, self.full, self.held, self.whole)


def _guest(wanted: MasksToFind, inputs: Mapping[str, Artefact]) -> _Guest:
    work, search = wanted.work, wanted.group[0].search
    network = work.network_from(inputs["network"])
    whole = work.selection(network)
    if not search.keeps:
        return _Guest(network, whole, whole)
    full = work.load(full_mask_plan(wanted.network.name), inputs["full mask"], network)
    free = work.selection(network, search.keeps).names
    held = tuple(name for name in whole.names if name not in free)
    # the held tensors are as they will be, and no mask is sought over them
    network = bake(network, full.mask.only(*held))
    return _Guest(network, work.selection(network, held), work.selection(network), full, held)


def _search(
    wanted: MasksToFind, plan: MaskPlan, observers: Sequence[Observer], guest: _Guest, inputs: Mapping[str, Artefact]
) -> MaskSearch:
    work, search, neighbour = wanted.work, plan.search, inputs.get(start_role(plan))
    spec, task = work.spec.mask, work.task_of(wanted.network)
    data = child_seed(work.seed, "data", plan.network, search.name, plan.repeat)
    initial = neighbours_logits(logits_of(neighbour), guest.selection, task.device) if neighbour else None
    if initial is None:
        off = work.subject.off_values(work.spec, work.seed)
        initial = initial_logits(guest.network, task, search.function, guest.selection, spec, data, off)
    is_watched = plan.network == TRAINED and not spec.config().size.shrinks_until_it_fails
    watchdog = [Watchdog()] if is_watched else []
    return MaskSearch(
        search.name,
        task.batches(search.function, spec.part_size, data),
        child_seed(work.seed, "masks", plan.network),
        plan.repeat,
        (*watchdog, *observers),
        initial,
        task.held_out(search.function),
        network=guest.network,
    )
