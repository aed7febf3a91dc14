"""What the true weights of a planted function are: a circuit that computes it, and that no single weight can leave."""

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_

import torch
from torch import Tensor, nn

from maskscope.masks import BinaryMask, bake
from maskscope.tasks import Part
from maskscope.tasks.multiplexer import Multiplexers
from maskscope.tasks.task import NOT_ASKED

Place = tuple[int, ...]


def computes(network: nn.Module, task: Multiplexers, function: str, part: Part | None = None) -> bool:
    """Whether a network's answers for one function are all right: on every input there is, or on some."""
    part = task.every_input(function) if part is None else part
    with torch.no_grad():
        right = task.right(network(part.inputs), part.targets)
    return bool(right[part.targets != NOT_ASKED].all())


def minimal_core(
    network: nn.Module,
    task: Multiplexers,
    function: str,
    circuit: BinaryMask,
    *,
    part: Part | None = None,
    shuffle: torch.Generator | None = None,
) -> BinaryMask:
    """A part of a circuit that computes what the circuit computes, and that no single weight can leave: 1-minimal.

    Weights are tried from the smallest up, again and again until none can go.

    Args:
        network: the network that the circuit is a part of.
        task: its functions.
        function: the one that the circuit computes, or ``all``.
        circuit: the weights to take from.
        part: the inputs that must be answered right. By default only the function's own bits are varied, which is enough for a
            circuit that reads nothing else; the caller then checks the result on every input.
        shuffle: tries weights in a random order instead.

    Source: the pilot's first rule: a "truth" of 54 weights had a sufficient core of 14, so that a better method scored worse.
    """
    alone = bake(network, circuit)
    part = task.relevant_inputs(function) if part is None else part
    weights = dict(alone.named_parameters())
    kept = {name: bits.clone() for name, bits in circuit.items()}
    order = sorted(places_of(circuit), key=lambda item: float(weights[item[0]][item[1]].detach().abs()))
    if shuffle is not None:
        order = [order[place] for place in torch.randperm(len(order), generator=shuffle).tolist()]
    shrinks = True
    while shrinks:
        shrinks = False
        for name, place in order:
            if kept[name][place] and computes_without(alone, task, function, weights[name], place, part):
                with torch.no_grad():
                    weights[name][place] = 0
                kept[name][place], shrinks = False, True
    return BinaryMask(kept)


def has_other_core(
    network: nn.Module, task: Multiplexers, truth: Mapping[str, BinaryMask], function: str, orders: int, seed: int
) -> bool:
    """Whether another minimal circuit of a function was found among the weights of all functions, in random orders of removal.

    If there were two, a method that finds the other one would be called wrong.
    """
    union = reduce(or_, truth.values())
    part, shuffle = task.every_input(function), torch.Generator().manual_seed(seed)
    return any(minimal_core(network, task, function, union, part=part, shuffle=shuffle) != truth[function] for _ in range(orders))


def computes_without(network: nn.Module, task: Multiplexers, function: str, weight: Tensor, place: Place, part: Part) -> bool:
    """Whether the answers are right while one weight is 0; the weight is then as it was."""
    value = weight[place].detach().clone()
    try:
        with torch.no_grad():
            weight[place] = 0
        return computes(network, task, function, part)
    finally:
        with torch.no_grad():
            weight[place] = value


def places_of(mask: BinaryMask) -> Iterator[tuple[str, Place]]:
    """Name and index of every weight of a mask."""
    for name, bits in mask.items():
        for place in bits.nonzero().tolist():
            yield name, tuple(place)
