"""Modules wired by hand in an MLP: disjoint halves, or functions with a shared trunk."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from maskscope.masks import BinaryMask
from maskscope.studies.planted.finetune import finetune
from maskscope.studies.planted.kind import Ground, NotCounted, Planting
from maskscope.studies.planted.truth import minimal_core
from maskscope.studies.planted.wiring import Wiring, weight_name, wire
from maskscope.tasks.multiplexer import Multiplexers
from maskscope.training import child_seed
from maskscope.zoo import MLP

Units = Mapping[str, tuple[Sequence[int], Sequence[int]]]


def wired_network(task: Multiplexers, hidden: int) -> MLP:
    """An MLP with two hidden layers."""
    inputs, outputs = task.sizes
    return MLP((inputs, hidden, hidden, outputs))


def plant_wired(task: Multiplexers, ground: Ground, seed: int, *, halves: bool = False, inhibition: bool = False) -> Planting:
    """Wires the functions, adds noise, fine-tunes, and takes the minimal truth.

    Args:
        task: the functions.
        ground: sizes and noise.
        seed: of this construction.
        halves: whether each function gets its own half of the units, with nothing between the halves.
        inhibition: see `wire`.

    Raises:
        NotCounted: the network is not exact after fine-tuning.
    """
    inputs, outputs = task.sizes
    sizes = (inputs, ground.hidden, ground.hidden, outputs)
    random = torch.Generator().manual_seed(seed)
    units = _units(ground, task, random, halves=halves)
    territory = _territory(task, units, sizes, halves=halves)
    wiring = wire(task.switches, units, sizes, inhibition=inhibition)
    network = _with_noise(ground, wiring, territory, wired_network(task, ground.hidden), random)
    steps = finetune(network, task, wiring.circuits, ground.finetune, child_seed(seed, "fine-tuning"))
    if steps is None:
        raise NotCounted("not exact after fine-tuning")
    truth = {name: minimal_core(network, task, name, circuit) for name, circuit in wiring.circuits.items()}
    return Planting(network, truth, territory, steps)


def _units(ground: Ground, task: Multiplexers, random: torch.Generator, *, halves: bool) -> Units:
    """For each function the hidden units that it may use, in random order: its half of them, or all."""
    shuffled = [torch.randperm(ground.hidden, generator=random).tolist() for _ in range(2)]
    if not halves:
        return dict.fromkeys(task.functions, (shuffled[0], shuffled[1]))
    half = ground.hidden // 2
    return {
        name: (shuffled[0][place * half : (place + 1) * half], shuffled[1][place * half : (place + 1) * half])
        for place, name in enumerate(task.functions)
    }


def _territory(task: Multiplexers, units: Units, sizes: Sequence[int], *, halves: bool) -> dict[str, BinaryMask]:
    half = task.inputs // len(task.functions)
    result = {}
    for place, name in enumerate(task.functions):
        if halves:
            outputs = [2 * place, 2 * place + 1]
            ends = [list(range(place * half, (place + 1) * half)), *(list(pool) for pool in units[name]), outputs]
        else:
            ends = [list(range(size)) for size in sizes]
        bits = {weight_name(layer): torch.zeros(sizes[layer + 1], sizes[layer], dtype=torch.bool) for layer in range(3)}
        for layer in range(3):
            bits[weight_name(layer)][torch.tensor(ends[layer + 1]).unsqueeze(1), torch.tensor(ends[layer])] = True
        result[name] = BinaryMask(bits)
    return result


def _with_noise(
    ground: Ground, wiring: Wiring, territory: Mapping[str, BinaryMask], network: MLP, random: torch.Generator
) -> MLP:
    """Writes the wiring, with its spread, into a network, and noise on every other weight inside a territory."""
    values = {
        name: weight * (1 + ground.spread * (2 * torch.rand(weight.shape, generator=random) - 1))
        for name, weight in wiring.weights.items()
    }
    size = ground.noise * torch.cat([weight[weight != 0] for weight in values.values()]).std()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in values:
                inside = torch.stack([mask[name] for mask in territory.values()]).any(0)
                noise: Tensor = size * torch.randn(parameter.shape, generator=random)
                parameter.copy_(torch.where(values[name] != 0, values[name], noise.where(inside, 0)))
            else:
                parameter.copy_(wiring.biases[name])
    return network
