"""Networks whose modules are known because they were planted, and the rules by which one counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from maskscope.analysis import magnitude, top_weights_overall, weight_times_gradient
from maskscope.analysis.recovery import recovery
from maskscope.errors import ConfigError
from maskscope.masks import BinaryMask, bake, select
from maskscope.studies.planted.finetune import FinetuneConfig, finetune
from maskscope.studies.planted.truth import computes, minimal_core
from maskscope.studies.planted.wiring import Wiring, weight_name, wire
from maskscope.tasks.multiplexer import HALVES, SHARED_TRUNK, Multiplexers, Switch
from maskscope.training import child_seed
from maskscope.zoo import MLP

KINDS: dict[str, Mapping[str, Switch]] = {
    "halves": HALVES,
    "shared trunk": SHARED_TRUNK,
    "shared trunk, inhibition": SHARED_TRUNK,
}
_GRADIENT_PARTS, _GRADIENT_ITEMS = 16, 256


@dataclass(frozen=True)
class PlantingConfig:
    """How networks are planted, and when one counts.

    Args:
        kind: ``halves``: two disjoint halves, one function each, every weight between them exactly 0. ``shared trunk``: three
            functions anywhere in the network, of which A and B share the weights that compare their selectors. ``shared trunk,
            inhibition``: the same with circuits that misfire when they lose a weight; see `wire`.
        hidden: units of each of the two hidden layers.
        noise: standard deviation of all weights that are not planted, as a share of the planted weights'.
        spread: planted weights start at the wiring's values times a uniform number in [1 - spread, 1 + spread].
        finetune: how the planted weights are trained, with the noise present.
        baseline_limit: the network counts only if top-k by magnitude and by |weight x gradient|, at the true k, stay below this
            F1 for every function; otherwise it shows nothing about masks.
        attempts: constructions to try for one network.
    """

    kind: str = "shared trunk"
    hidden: int = 64
    noise: float = 0.06
    spread: float = 0.5
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    baseline_limit: float = 0.9
    attempts: int = 100

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"There is no planted network {self.kind!r}. Known: {', '.join(KINDS)}.")
        if self.attempts < 1:
            raise ConfigError(f"attempts is {self.attempts}; a number of at least 1 was expected.")


@dataclass(frozen=True)
class PlantedNetwork:
    """A network with known modules.

    Args:
        network: computes every function on every input; with a shared trunk 5,504 weights in three layers.
        task: the functions.
        truth: for each function the weights that carry it: they alone compute it, and without any one of them they do not.
        territory: for each function the weights of its half; all weights where there are no halves.
        magnitude_f1: F1 of the top weights by magnitude at the true size, by function.
        gradient_f1: F1 of the top weights by |weight x gradient| at the true size, by function.
        steps: fine-tuning steps that it took.
        rejected: how many constructions before this one did not count, by reason.
    """

    network: MLP
    task: Multiplexers
    truth: Mapping[str, BinaryMask]
    territory: Mapping[str, BinaryMask]
    magnitude_f1: Mapping[str, float]
    gradient_f1: Mapping[str, float]
    steps: int
    rejected: Mapping[str, int]


class NotCounted(Exception):
    """A construction that does not count; the message is the reason."""


def plant(config: PlantingConfig, seed: int) -> PlantedNetwork:
    """The first construction under this seed that counts.

    Raises:
        ConfigError: none of the attempts counts.
    """
    rejected: Counter[str] = Counter()
    for attempt in range(config.attempts):
        try:
            found = construct(config, child_seed(seed, "construction", attempt))
        except NotCounted as reason:
            rejected[str(reason)] += 1
        else:
            return replace(found, rejected=dict(rejected))
    reasons = ", ".join(f"{reason} ({count} times)" for reason, count in rejected.items())
    raise ConfigError(
        f"None of {config.attempts} constructions of a planted network counts: {reasons}. Try another seed, or less noise."
    )


def construct(config: PlantingConfig, seed: int) -> PlantedNetwork:
    """One construction: wire, add noise, fine-tune, take the minimal truth, compare with the baselines.

    Raises:
        NotCounted: it breaks one of the rules; see `PlantingConfig`.
    """
    task = Multiplexers(KINDS[config.kind])
    inputs, outputs = task.sizes
    sizes = (inputs, config.hidden, config.hidden, outputs)
    random = torch.Generator().manual_seed(seed)
    units = _units(config, task, random)
    territory = _territory(config, task, units, sizes)
    wiring = wire(task.switches, units, sizes, inhibition=config.kind.endswith("inhibition"))
    network = _with_noise(config, wiring, territory, MLP(sizes), random)
    steps = finetune(network, task, wiring.circuits, config.finetune, child_seed(seed, "fine-tuning"))
    if steps is None:
        raise NotCounted("not exact after fine-tuning")
    truth = {name: minimal_core(network, task, name, circuit) for name, circuit in wiring.circuits.items()}
    if not all(computes(bake(network, mask), task, name) for name, mask in truth.items()):
        raise NotCounted("the minimal circuit alone does not compute the function")
    by_magnitude, by_gradient = _baselines(network, task, truth, child_seed(seed, "baselines"))
    if max(by_magnitude.values()) >= config.baseline_limit:
        raise NotCounted("magnitude finds the module")
    if max(by_gradient.values()) >= config.baseline_limit:
        raise NotCounted("|weight x gradient| finds the module")
    return PlantedNetwork(network, task, truth, territory, by_magnitude, by_gradient, steps, {})


def _units(config: PlantingConfig, task: Multiplexers, random: torch.Generator) -> dict[str, tuple[Sequence[int], Sequence[int]]]:
    """For each function the hidden units that it may use, in random order: its half of them, or all."""
    shuffled = [torch.randperm(config.hidden, generator=random).tolist() for _ in range(2)]
    if config.kind != "halves":
        return dict.fromkeys(task.functions, (shuffled[0], shuffled[1]))
    half = config.hidden // 2
    return {
        name: (shuffled[0][place * half : (place + 1) * half], shuffled[1][place * half : (place + 1) * half])
        for place, name in enumerate(task.functions)
    }


def _territory(
    config: PlantingConfig, task: Multiplexers, units: Mapping[str, tuple[Sequence[int], Sequence[int]]], sizes: Sequence[int]
) -> dict[str, BinaryMask]:
    half = task.inputs // len(task.functions)
    result = {}
    for place, name in enumerate(task.functions):
        if config.kind == "halves":
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
    config: PlantingConfig, wiring: Wiring, territory: Mapping[str, BinaryMask], network: MLP, random: torch.Generator
) -> MLP:
    """Writes the wiring, with its spread, into a network, and noise on every other weight inside a territory."""
    values = {
        name: weight * (1 + config.spread * (2 * torch.rand(weight.shape, generator=random) - 1))
        for name, weight in wiring.weights.items()
    }
    size = config.noise * torch.cat([weight[weight != 0] for weight in values.values()]).std()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in values:
                inside = torch.stack([mask[name] for mask in territory.values()]).any(0)
                noise: Tensor = size * torch.randn(parameter.shape, generator=random)
                parameter.copy_(torch.where(values[name] != 0, values[name], noise.where(inside, 0)))
            else:
                parameter.copy_(wiring.biases[name])
    return network


def _baselines(
    network: MLP, task: Multiplexers, truth: Mapping[str, BinaryMask], seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """F1 of top-k by magnitude and by |weight x gradient| at the true k, by function."""
    selection = select(network, exclude=["*bias"])
    by_magnitude, by_gradient = {}, {}
    for name, mask in truth.items():
        batches = task.batches(name, _GRADIENT_ITEMS, child_seed(seed, name))
        scores = weight_times_gradient(network, task.loss, map(batches, range(_GRADIENT_PARTS)), selection)
        by_gradient[name] = recovery(top_weights_overall(scores, mask.kept), mask).f1
        by_magnitude[name] = recovery(top_weights_overall(magnitude(network, selection), mask.kept), mask).f1
    return by_magnitude, by_gradient
