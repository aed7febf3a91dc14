"""Units of one kind that are numbered together; one unit may have weights in several tensors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from maskscope.masks.units.layout import Layout

WEIGHT = "weight"


@dataclass(frozen=True)
class UnitGroup:
    """Units of one kind: the rows of a matrix, the heads of an attention layer. Unit j has weights in each member.

    Args:
        name: the name of the group, which no other group has: its random draws depend on it. For units of one tensor, the name of
            the tensor; for units of several, that of the module that they belong to.
        kind: ``weight``, ``row``, ``head`` and so on; ``weight`` says that each weight of one tensor is a unit.
        count: the number of units.
        members: the tensors by dotted name, with the layout of the units in each.
    """

    name: str
    kind: str
    count: int
    members: tuple[tuple[str, Layout], ...]

    @classmethod
    def single(cls, name: str, count: int) -> "UnitGroup":
        """The units of a tensor in which each weight is a unit."""
        return cls(name, WEIGHT, count, ((name, Layout(1, count, 1)),))

    @property
    def is_single(self) -> bool:
        """Whether the units are the single weights of one tensor, in order."""
        return self.kind == WEIGHT

    @property
    def names(self) -> tuple[str, ...]:
        """The dotted names of the members."""
        return tuple(name for name, _ in self.members)

    @property
    def weights_each(self) -> int:
        """The number of weights of one unit, in all members together."""
        return sum(layout.each for _, layout in self.members)

    def only(self, names: Iterable[str]) -> "UnitGroup":
        """The same units, with their weights in some of the members only."""
        wanted = set(names)
        return replace(self, members=tuple((name, layout) for name, layout in self.members if name in wanted))


def single_weights(counts: Mapping[str, int]) -> tuple[UnitGroup, ...]:
    """The groups of tensors of which every weight is a unit; the counts of weights by dotted name."""
    return tuple(UnitGroup.single(name, count) for name, count in counts.items())


def faults_of_groups(groups: Sequence[UnitGroup], counts: Mapping[str, int]) -> list[str]:
    """What is wrong with a division of tensors into units, a sentence for each fault; empty if it is right.

    Args:
        groups: the units.
        counts: the number of weights of each tensor; each must be in exactly one group.
    """
    owners: dict[str, list[str]] = {name: [] for name in counts}
    faults = []
    for group in groups:
        if not group.members or (group.count < 1 and not group.is_single):
            faults.append(f"the group {group.name!r} has no units: {group.count} units in {len(group.members)} tensors")
        if group.is_single and group.members != ((group.name, Layout(1, group.count, 1)),):
            faults.append(f"the group {group.name!r} is of kind {WEIGHT!r}, but its units are not the weights of that tensor")
        for name, layout in group.members:
            if name not in owners:
                faults.append(f"{name}: in the group {group.name!r}, but not among the selected tensors")
                continue
            owners[name].append(group.name)
            if layout.units != group.count:
                faults.append(f"{name}: {layout.units} units, but its group {group.name!r} has {group.count}")
            if layout.count != counts[name]:
                faults.append(f"{name}: the units of {group.name!r} have {layout.count} weights there, the tensor {counts[name]}")
    names = [group.name for group in groups]
    faults += [f"two groups have the name {name!r}" for name in dict.fromkeys(names) if names.count(name) > 1]
    faults += [f"{name}: in no group of units" for name, mine in owners.items() if not mine]
    faults += [f"{name}: in several groups of units ({', '.join(mine)})" for name, mine in owners.items() if len(mine) > 1]
    return faults
