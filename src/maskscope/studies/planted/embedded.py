"""Learned circuits in a large network: each set of functions learns in a small network, which is then laid at random places."""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from itertools import combinations
from operator import or_

import torch
from torch import Tensor, nn

from maskscope.masks import BinaryMask, select
from maskscope.studies.planted.architecture import Architecture
from maskscope.studies.planted.finetune import FinetuneConfig
from maskscope.studies.planted.kind import Ground, NotCounted, Planting
from maskscope.studies.planted.laying import lay
from maskscope.studies.planted.learned import LearningConfig, learn, settle
from maskscope.studies.planted.truth import has_other_core
from maskscope.tasks.multiplexer import Multiplexers
from maskscope.training import child_seed, isolated_random

# of the items of a step of fine-tuning: every input of learned kinds is among 256, and one in four is enough
_SHARE_OF_ITEMS = 4
_LEARNING = LearningConfig()
# fine-tuning succeeds within a few rounds or not at all
_ROUNDS_WHILE_SMALL, _ROUNDS = 5, 10
# of the MLPs that noise was first chosen for
_INPUTS_OF_A_UNIT = 64
# random orders of removal in which another circuit is looked for, in the small network and in the large one
_ORDERS_WHILE_SMALL, _ORDERS = 4, 2


def learned_network(architecture: Architecture, task: Multiplexers, hidden: int) -> nn.Module:
    """The network that functions are planted in."""
    with isolated_random(0):
        return architecture.build(architecture.large_sizes(task.sizes[1], hidden))


def plant_learned(
    architecture: Architecture, task: Multiplexers, ground: Ground, seed: int, *, learning: LearningConfig = _LEARNING
) -> Planting:
    """Learns circuits in small networks, lays them at random places, adds noise, fine-tunes, and takes the minimal truth.

    Functions with the same selectors learn in one network, so that they come to share weights; others share none.

    Args:
        architecture: of the small networks and of the large one.
        task: the functions.
        ground: sizes and noise; there is no spread, for no two learned circuits are equal.
        seed: of this construction.
        learning: how small networks are trained; by default as `LearningConfig` says.

    Raises:
        NotCounted: a function is not learned, two that should share weights do not, another minimal circuit was found, or
            fine-tuning fails.
    """
    finetuning = replace(ground.finetune, items=max(1, ground.finetune.items // _SHARE_OF_ITEMS))
    network = learned_network(architecture, task, ground.hidden)
    masked = select(network, include=["*weight*"]).names
    sizes = architecture.large_sizes(task.sizes[1], ground.hidden)
    random = torch.Generator().manual_seed(seed)
    free = {axis: torch.randperm(sizes[axis], generator=random).tolist() for axis in architecture.small}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    circuits: dict[str, BinaryMask] = {}
    for functions in _groups(task):
        small_seed = child_seed(seed, "small", *functions)
        small, found = _learned(architecture, task.among(functions), masked, learning, finetuning, small_seed)
        outputs = [2 * task.functions.index(name) + score for name in functions for score in range(2)]
        both = architecture.small_sizes(len(outputs)), sizes
        circuits |= lay(architecture, both, outputs, free, small, network, found)
    planted = reduce(or_, circuits.values())
    size = ground.noise * torch.cat([network.get_parameter(name)[bits] for name, bits in planted.items()]).std()
    noise: dict[str, Tensor] = {}
    with torch.no_grad():
        for name in masked:
            parameter = network.get_parameter(name)
            noise[name] = size * _noise_share(parameter) * torch.randn(parameter.shape, generator=random)
            parameter.copy_(torch.where(planted[name], parameter, noise[name]))
    truth, steps = settle(network, task, circuits, noise, _within(finetuning, _ROUNDS), child_seed(seed, "fine-tuning"))
    _require_unique(network, task, truth, _ORDERS, child_seed(seed, "orders"))
    return Planting(network, truth, {name: mask | ~mask for name, mask in truth.items()}, steps)


def _within(finetuning: FinetuneConfig, rounds: int) -> FinetuneConfig:
    return replace(finetuning, rounds=min(finetuning.rounds, rounds))


def _noise_share(weight: Tensor) -> float:
    """1 up to 64 inputs of a unit; less where a unit has more, so that the noise that reaches it does not grow.

    Less than its root would give: the CNN's 144 inputs are noisy at 16 places, of which the maximum counts.
    """
    return min(1.0, _INPUTS_OF_A_UNIT / weight[0].numel())


def _groups(task: Multiplexers) -> list[tuple[str, ...]]:
    groups: dict[tuple[int, int], tuple[str, ...]] = {}
    for name, switch in task.switches.items():
        groups[switch.selectors] = (*groups.get(switch.selectors, ()), name)
    return list(groups.values())


def _learned(
    architecture: Architecture,
    task: Multiplexers,
    masked: tuple[str, ...],
    learning: LearningConfig,
    finetuning: FinetuneConfig,
    seed: int,
) -> tuple[nn.Module, dict[str, BinaryMask]]:
    with isolated_random(seed):
        network = architecture.build(architecture.small_sizes(task.sizes[1]))
    circuits = learn(network, task, masked, learning, _within(finetuning, _ROUNDS_WHILE_SMALL), seed)
    if any((circuits[a] & circuits[b]).kept == 0 for a, b in combinations(circuits, 2)):
        raise NotCounted("the functions share no weight")
    _require_unique(network, task, circuits, _ORDERS_WHILE_SMALL, seed)
    return network, circuits


def _require_unique(network: nn.Module, task: Multiplexers, truth: Mapping[str, BinaryMask], orders: int, seed: int) -> None:
    if any(has_other_core(network, task, truth, name, orders, child_seed(seed, name)) for name in truth):
        raise NotCounted("another minimal circuit was found")
