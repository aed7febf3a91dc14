"""Which networks and masks one seed of a study has, as values, and in words what is done with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.engine.quantities import TRAINED
from maskscope.procedure.controls import Control
from maskscope.tasks import Task

# masks of a search that are named; of more, it is said how many there are
_MOST = 3


@dataclass(frozen=True)
class Search:
    """A mask that a study looks for, besides the full mask.

    Args:
        name: of the mask.
        function: the training data of the task that it is found with.
        compared: whether it is compared with the others, repeated, and sought on controls.
        keeps: patterns of the tensors that stay under the full mask while it is sought.
        judged_by: the function whose score is that of what the mask is for; empty: that of its own name.
    """

    name: str
    function: str
    compared: bool = True
    keeps: tuple[str, ...] = ()
    judged_by: str = ""


@dataclass(frozen=True)
class Companion:
    """A further network that is trained, to be measured beside the trained one.

    Args:
        name: of its artefact.
        trained_on: training data of the task.
        relabelled: functions whose answers are shuffled among their inputs.
        searched: whether one mask for each function, and a full mask if need be, is sought on it.
    """

    name: str
    trained_on: str = Task.whole
    relabelled: tuple[str, ...] = ()
    searched: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """An earlier state of the trained network, which is the last of a series.

    Args:
        place: in the series, from 0.
        label: what it is called: the number of its training steps, or a name.
    """

    place: int
    label: str

    @property
    def name(self) -> str:
        """Of the variant, which is part of the names of its artefacts."""
        return f"checkpoint-{self.label}"


@dataclass(frozen=True)
class NetworkPlan:
    """One network of a seed: the trained one, an earlier state of it, a control, or a companion.

    Args:
        name: of the variant.
        control: if it is one.
        companion: if it is one.
        checkpoint: if it is an earlier state of the trained network.
        starts_from: the network before it in a series, whose masks the searches on this one start from; empty: they start cold.
    """

    name: str
    control: Control | None = None
    companion: Companion | None = None
    checkpoint: Checkpoint | None = None
    starts_from: str = ""

    @property
    def is_of_series(self) -> bool:
        """Whether it is the trained network or an earlier state of it."""
        return self.name == TRAINED or self.checkpoint is not None

    @property
    def has_everything(self) -> bool:
        """Whether all masks are sought on it, full mask and repeats included."""
        return self.is_of_series or (self.control is not None and self.control.whole_procedure)

    @property
    def uses_trained(self) -> bool:
        """Whether it is the trained network itself."""
        return self.control is not None and self.control.relabels

    @property
    def is_derived(self) -> bool:
        """Whether it is made from the trained network."""
        return self.control is not None and self.control.derive is not None

    @property
    def is_null(self) -> bool:
        """Whether masks on it are compared with those on the trained network."""
        return self.companion is not None and self.companion.searched

    @property
    def is_fitted(self) -> bool:
        """Whether it is trained; controls are not."""
        return self.control is None


@dataclass(frozen=True)
class MaskPlan:
    """One mask of a seed.

    Args:
        search: what is sought.
        repeat: 0, or the number of the repeat.
        network: name of the network that it is a mask of.
    """

    search: Search
    repeat: int
    network: str

    @property
    def is_whole(self) -> bool:
        """Whether it is the full mask."""
        return self.search.function == Task.whole


def full_mask_plan(network: str) -> MaskPlan:
    """The full mask of a network."""
    return MaskPlan(Search(Task.whole, Task.whole), 0, network)


def network_plans(
    controls: Sequence[Control], companions: Sequence[Companion], checkpoints: Sequence[Checkpoint] = (), *, warm: bool = False
) -> list[NetworkPlan]:
    """The earlier states of the trained network in their order, the trained network, its companions, then the controls.

    Args:
        controls: of the study.
        companions: of the study.
        checkpoints: the earlier states.
        warm: whether each of a series starts from the one before.
    """
    before = ["", *(one.name for one in checkpoints)] if warm else [""] * (len(checkpoints) + 1)
    series = [NetworkPlan(one.name, checkpoint=one, starts_from=before[one.place]) for one in checkpoints]
    series.append(NetworkPlan(TRAINED, starts_from=before[-1]))
    beside = [NetworkPlan(one.name, companion=one) for one in companions]
    return [*series, *beside, *(NetworkPlan(one.name, control=one) for one in controls)]


def mask_plans(networks: Sequence[NetworkPlan], searches: Sequence[Search], *, repeats: int, full_mask: bool) -> list[MaskPlan]:
    """The masks of one seed: the full mask, one for each search and its repeats; then those of the controls and companions.

    Where a control repeats the whole procedure, so do its masks; elsewhere there is one mask for each function, and the full mask
    where others keep a part of it. A mask that is not compared is found once, on the trained network.
    """
    masks = []
    keeping = any(search.keeps for search in searches)
    for network in networks:
        trained = network.name == TRAINED
        if network.companion is not None and not network.is_null:
            continue
        if full_mask and (network.has_everything or keeping):
            masks.append(full_mask_plan(network.name))
        for repeat in range(repeats + 1 if network.has_everything else 1):
            masks += [MaskPlan(search, repeat, network.name) for search in searches if search.compared]
        masks += [MaskPlan(search, 0, network.name) for search in searches if trained and not search.compared]
    return masks


def mask_groups(plans: Sequence[MaskPlan], *, together: bool) -> list[tuple[MaskPlan, ...]]:
    """The masks that are found together in one call: those of one network and one repeat.

    Which masks these are follows from the settings alone, and is part of their identity: the last bits of a mask may depend on
    the company it was found in. Where masks keep a part of the full mask, that one comes first and alone.

    Args:
        plans: as `mask_plans` has them.
        together: whether they are; else each mask is alone.
    """
    keeping = any(plan.search.keeps for plan in plans)
    groups: dict[object, list[MaskPlan]] = {}
    for place, plan in enumerate(plans):
        apart = keeping and not plan.search.keeps
        key = (plan.network, plan.repeat, plan.search.name if apart else "") if together else place
        groups.setdefault(key, []).append(plan)
    return [tuple(group) for group in groups.values()]


def company(group: Sequence[MaskPlan]) -> dict[str, list[str]]:
    """What a mask's identity says of those that it is found with."""
    return {"together": [plan.search.name for plan in group]} if len(group) > 1 else {}


def network_words(plan: NetworkPlan, *, given: bool) -> str:
    """How a network is made."""
    if given:
        return "taking over the network"
    if plan.companion is not None:
        return f"training a network to compare with, {_plain(plan.name)}"
    return f"making the control {_plain(plan.name)}" if plan.control else "training the network"


def search_words(group: Sequence[MaskPlan], network: NetworkPlan, functions: Sequence[str]) -> str:
    """Which masks are sought together: those of functions are of the weights that carry them."""
    names = ["everything" if plan.is_whole else f"'{plan.search.name}'" for plan in group]
    carried = all(plan.is_whole or plan.search.name in functions for plan in group)
    again = " once more" if group[0].repeat else ""
    return f"searching the weights {'that carry' if carried else 'for'} {_in_words(names)}{again}{_on(network)}"


def measuring_words(plan: NetworkPlan) -> str:
    """Which network is measured."""
    return f"measuring what the masks keep and remove{_on(plan)}"


def experiment_words(control: str, piece: str) -> str:
    """Which piece of an experiment is done."""
    return f"trying the control {_plain(control)}" + (f" on '{piece}'" if piece else "")


def _on(plan: NetworkPlan) -> str:
    """On which network, unless it is the trained one."""
    if plan.checkpoint is not None:
        return f" at checkpoint {plan.checkpoint.label}"
    if plan.control is not None:
        return f", control {_plain(plan.name)}"
    return f", network {_plain(plan.name)}" if plan.companion is not None else ""


def _plain(name: str) -> str:
    return f"'{name.replace('-', ' ')}'"


def _in_words(names: Sequence[str]) -> str:
    if len(names) > _MOST + 1:
        return f"{', '.join(names[:_MOST])} and {len(names) - _MOST} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
