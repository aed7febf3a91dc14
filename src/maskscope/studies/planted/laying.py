"""A small network laid at chosen units of a large one, where it answers as it did alone."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

import torch
from torch import nn

from maskscope.masks import BinaryMask
from maskscope.studies.planted.architecture import Architecture, Sizes
from maskscope.studies.planted.kind import NotCounted


def lay(
    architecture: Architecture,
    sizes: tuple[Sizes, Sizes],
    outputs: Sequence[int],
    free: dict[str, list[int]],
    small: nn.Module,
    large: nn.Module,
    circuits: Mapping[str, BinaryMask],
) -> dict[str, BinaryMask]:
    """Copies the used units of a small network to free units of the large one, which are free no more; and the circuits.

    Args:
        architecture: of both networks.
        sizes: of the small and of the large network.
        outputs: of the large network that the small network's become.
        free: for each axis, the units that no small network was laid at.
        small: the network to lay.
        large: changed in place.
        circuits: in the small network.

    Returns:
        The circuits in the large network.

    Raises:
        NotCounted: there are too few free units.
    """
    used = architecture.used(reduce(or_, circuits.values()), sizes[0])
    if any(len(units) > len(free[axis]) for axis, units in used.items()):
        raise NotCounted("the circuits do not fit the network")
    there = {axis: free[axis][: len(units)] for axis, units in used.items()} | {"output": list(outputs)}
    for axis, units in used.items():
        del free[axis][: len(units)]
    places = {
        name: (architecture.index(name, sizes[0], used), architecture.index(name, sizes[1], there)) for name in architecture.axes
    }
    with torch.no_grad():
        for name, (here, to) in places.items():
            large.get_parameter(name).view(-1)[to] = small.get_parameter(name).view(-1)[here]
    laid = {}
    for function, circuit in circuits.items():
        bits = {name: torch.zeros(large.get_parameter(name).shape, dtype=torch.bool) for name in circuit}
        for name, tensor in bits.items():
            here, to = places[name]
            tensor.view(-1)[to] = circuit[name].flatten()[here]
        laid[function] = BinaryMask(bits)
    return laid
