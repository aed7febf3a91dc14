"""Circuits that are learned: a small network is trained, made sparse, and reduced until no weight can leave it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_

import torch
from torch import Tensor, nn

from maskscope.masks import BinaryMask, bake
from maskscope.studies.planted.finetune import FinetuneConfig, finetune
from maskscope.studies.planted.kind import NotCounted
from maskscope.studies.planted.truth import computes, minimal_core, places_of
from maskscope.tasks import Part
from maskscope.tasks.multiplexer import Multiplexers
from maskscope.training import FitConfig, child_seed, fit

Noise = Mapping[str, Tensor]


@dataclass(frozen=True)
class LearningConfig:
    """How a small network is trained before it is reduced.

    Args:
        round_steps: steps of a round.
        rounds: the most rounds until every answer is right and the loss is low.
        low_loss: what a low loss is.
        sparse_rounds: rounds after that with a penalty on the absolute values of the weights.
        penalty: its factor.
        items: inputs a step.
        learning_rate: Adam's.
    """

    round_steps: int = 100
    rounds: int = 15
    low_loss: float = 0.05
    sparse_rounds: int = 10
    penalty: float = 1e-3
    items: int = 64
    learning_rate: float = 1e-2


def learn(
    network: nn.Module,
    task: Multiplexers,
    masked: tuple[str, ...],
    config: LearningConfig,
    finetuning: FinetuneConfig,
    seed: int,
) -> dict[str, BinaryMask]:
    """Trains a small network, in place, to compute its functions with few weights.

    The network is first reduced as a whole and then for each function, so that functions come to share weights.

    Args:
        network: freshly initialised.
        task: its functions.
        masked: the names of the weights that circuits are made of.
        config: how it is trained.
        finetuning: how it is trained again while weights leave.
        seed: of the data.

    Returns:
        For each function its circuit, as `settle` does; weights that are in no circuit are 0.

    Raises:
        NotCounted: the network does not learn its functions, or loses them while it is reduced.
    """

    def sparse_loss(guest: nn.Module, part: Part) -> Tensor:
        size = torch.stack([guest.get_parameter(name).abs().sum() for name in masked]).sum()
        return task.loss(guest, part) + config.penalty * size

    fit_config = FitConfig(config.round_steps, config.learning_rate)
    for number in range(config.rounds):
        batches = task.batches(task.whole, config.items, child_seed(seed, "learning", number))
        fit(network, task.loss, batches, config=fit_config, seed=seed)
        if computes(network, task, task.whole) and _loss(network, task) <= config.low_loss:
            break
    else:
        raise NotCounted("the small network does not learn the functions")
    batches = task.batches(task.whole, config.items, child_seed(seed, "sparse"))
    steps = config.sparse_rounds * config.round_steps
    fit(network, sparse_loss, batches, config=FitConfig(steps, config.learning_rate), seed=seed)
    if not computes(network, task, task.whole):
        raise NotCounted("the small network loses the functions when it becomes sparse")
    circuit = _largest_that_compute(network, task, masked)
    zeros = {name: torch.zeros_like(network.get_parameter(name)) for name in masked}
    _write_outside(network, {task.whole: circuit}, zeros)
    together, _ = settle(network, task, {task.whole: circuit}, zeros, finetuning, child_seed(seed, "together"))
    circuits, _ = settle(network, task, dict.fromkeys(task.functions, together[task.whole]), zeros, finetuning, seed)
    return circuits


def settle(
    network: nn.Module, task: Multiplexers, circuits: Mapping[str, BinaryMask], noise: Noise, config: FinetuneConfig, seed: int
) -> tuple[dict[str, BinaryMask], int]:
    """Fine-tunes circuits and takes from each what can leave it, in turn, until nothing can.

    A circuit whose answers are still right when a weight is gone may be less sure of them. It is therefore fine-tuned again; if
    that fails, fewer weights leave at once.

    Args:
        network: changed in place.
        task: the functions.
        circuits: for each function, weights that compute it.
        noise: the values of all weights when they are in no circuit.
        config: how circuits are fine-tuned.
        seed: of the data.

    Returns:
        Circuits that are right on every input with a low loss, and of which no weight can leave; and the steps that it took.

    Raises:
        NotCounted: fine-tuning fails.
    """
    total, steps = 0, finetune(network, task, circuits, config, child_seed(seed, "settling", 0))
    if steps is None:
        raise NotCounted("not exact after fine-tuning")
    current = dict(circuits)
    while True:
        total += steps
        whole = {name: task.every_input(name) for name in current}
        leaving = {
            name: circuit - minimal_core(network, task, name, circuit, part=whole[name]) for name, circuit in current.items()
        }
        if not any(mask.kept for mask in leaving.values()):
            return current, total
        current, steps = _without(network, task, current, leaving, noise, config, child_seed(seed, "settling", total))


def _without(
    network: nn.Module,
    task: Multiplexers,
    circuits: Mapping[str, BinaryMask],
    leaving: Mapping[str, BinaryMask],
    noise: Noise,
    config: FinetuneConfig,
    seed: int,
) -> tuple[dict[str, BinaryMask], int]:
    """Circuits fine-tuned without some weights: all that may leave, else the smaller half of them, and so on."""
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    order = sorted(
        ((function, *place) for function, mask in leaving.items() for place in places_of(mask)),
        key=lambda item: float(before[item[1]][item[2]].abs()),
    )
    while order:
        bits = {function: {name: tensor.clone() for name, tensor in circuit.items()} for function, circuit in circuits.items()}
        for function, name, place in order:
            bits[function][name][place] = False
        reduced = {function: BinaryMask(tensors) for function, tensors in bits.items()}
        _write_outside(network, reduced, noise)
        steps = finetune(network, task, reduced, config, seed)
        if steps is not None:
            return reduced, steps
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(before[name])
        order = order[: len(order) // 2]
    raise NotCounted("a weight can leave a circuit, but then it cannot be fine-tuned")


def _largest_that_compute(network: nn.Module, task: Multiplexers, masked: tuple[str, ...]) -> BinaryMask:
    """The largest weights: as many as are left when the smaller half leaves as long as all answers stay right."""
    sizes = {name: network.get_parameter(name).detach().abs() for name in masked}
    ordered = torch.cat([size.flatten() for size in sizes.values()]).sort(descending=True).values
    mask = BinaryMask({name: torch.ones_like(size, dtype=torch.bool) for name, size in sizes.items()})
    while mask.kept > 1:
        fewer = BinaryMask({name: size >= ordered[mask.kept // 2 - 1] for name, size in sizes.items()})
        if not computes(bake(network, fewer), task, task.whole):
            break
        mask = fewer
    return mask


def _write_outside(network: nn.Module, circuits: Mapping[str, BinaryMask], noise: Noise) -> None:
    """Gives all weights that are in no circuit their noise."""
    inside = reduce(or_, circuits.values())
    with torch.no_grad():
        for name, values in noise.items():
            parameter = network.get_parameter(name)
            parameter.copy_(torch.where(inside[name], parameter, values))


def _loss(network: nn.Module, task: Multiplexers) -> float:
    with torch.no_grad():
        return float(task.loss(network, task.every_input(task.whole)))
