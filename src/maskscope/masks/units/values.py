"""Values by unit, and the same values by weight."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from maskscope.masks.units.group import UnitGroup


def unit_shapes(groups: Sequence[UnitGroup], shapes: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """The shape of values by unit, for each group: that of the tensor for single weights, else the number of units."""
    return {group.name: tuple(shapes[group.name]) if group.is_single else (group.count,) for group in groups}


def expanded(
    groups: Sequence[UnitGroup], per_unit: Mapping[str, Tensor], shapes: Mapping[str, Sequence[int]]
) -> dict[str, Tensor]:
    """Values by unit, as values by weight.

    Args:
        groups: the units.
        per_unit: the values of each group, in the order of its units.
        shapes: the shapes of the weights, by dotted name.

    Returns:
        The values by dotted name, in the order and the shapes of ``shapes``; for single weights, views of what was given.
    """
    found = {}
    for group in groups:
        values = per_unit[group.name].reshape(-1)
        for name, layout in group.members:
            found[name] = (values if group.is_single else layout.expand(values)).view(torch.Size(shapes[name]))
    return {name: found[name] for name in shapes}


def collapsed(groups: Sequence[UnitGroup], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Values by weight that are equal within each unit, as values by unit: for each group the values in its first tensor."""
    found = {}
    for group in groups:
        name, layout = group.members[0]
        values = tensors[name]
        cube = (layout.before, layout.units, layout.after)
        found[group.name] = values if group.is_single else values.reshape(cube)[0, :, 0]
    return found


def torn(groups: Sequence[UnitGroup], tensors: Mapping[str, Tensor]) -> list[str]:
    """The tensors in which the weights of a unit do not all have one value, which is also that of the unit in other tensors."""
    whole = {name: values.cpu() for name, values in collapsed(groups, tensors).items()}
    return [
        f"{name}: a {group.kind} of {group.name!r} is kept in part"
        for group in groups
        if not group.is_single
        for name, layout in group.members
        if not torch.equal(layout.expand(whole[group.name]), tensors[name].cpu().reshape(-1))
    ]


def faults_of_values(groups: Sequence[UnitGroup], per_unit: Mapping[str, Tensor]) -> list[str]:
    """What is wrong with values by unit, a sentence for each fault; empty if each group has one value for each unit."""
    known = {group.name: group.count for group in groups}
    faults = [f"{name}: nothing for these units" for name in known if name not in per_unit]
    faults += [f"{name}: there are no such units" for name in per_unit if name not in known]
    faults += [
        f"{name}: {per_unit[name].numel()} values for {count} units"
        for name, count in known.items()
        if name in per_unit and per_unit[name].numel() != count
    ]
    return faults
