"""Networks whose modules are known because they were planted, and the rules by which one counts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import nn

from maskscope.analysis import magnitude, top_weights_overall, weight_times_gradient
from maskscope.analysis.recovery import recovery
from maskscope.errors import ConfigError
from maskscope.masks import BinaryMask, Selection, bake, select
from maskscope.studies.planted.finetune import FinetuneConfig
from maskscope.studies.planted.kind import Ground, NotCounted
from maskscope.studies.planted.kinds import KINDS
from maskscope.studies.planted.truth import computes
from maskscope.tasks.multiplexer import Multiplexers
from maskscope.training import child_seed

_GRADIENT_PARTS, _GRADIENT_ITEMS = 16, 256


@dataclass(frozen=True)
class PlantingConfig:
    """How networks are planted, and when one counts.

    Args:
        kind: ``halves``: two disjoint halves, one function each, every weight between them exactly 0. ``shared trunk``: three
            functions anywhere in the network, of which A and B share the weights that compare their selectors. ``shared trunk,
            inhibition``: the same with circuits that misfire when they lose a weight; see `wire`. ``shared trunk, learned``,
            ``cnn``, ``lstm``, ``transformer``: three functions whose circuits are learned, of which A and B share some weights
            and C shares none; see `plant_learned`.
        hidden: the size of the network: units of each of the two hidden layers of an MLP; other networks follow from it.
        noise: standard deviation of all weights that are not planted, as a share of the planted weights'.
        spread: hand-wired weights start at the wiring's values times a uniform number in [1 - spread, 1 + spread].
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
            raise ConfigError(f"There is no planted network {self.kind!r}. Known: {', '.join(map(repr, KINDS))}.")
        if self.attempts < 1:
            raise ConfigError(f"attempts is {self.attempts}; a number of at least 1 was expected.")


@dataclass(frozen=True)
class PlantedNetwork:
    """A network with known modules.

    Args:
        network: computes every function on every input; 3,900 to 8,400 weights by kind.
        task: the functions.
        truth: for each function the weights that carry it: they alone compute it, and without any one of them they do not.
        territory: for each function the weights of its half; all weights where there are no halves.
        magnitude_f1: F1 of the top weights by magnitude at the true size, by function.
        gradient_f1: F1 of the top weights by |weight x gradient| at the true size, by function.
        steps: fine-tuning steps that it took.
        rejected: how many constructions before this one did not count, by reason.
    """

    network: nn.Module
    task: Multiplexers
    truth: Mapping[str, BinaryMask]
    territory: Mapping[str, BinaryMask]
    magnitude_f1: Mapping[str, float]
    gradient_f1: Mapping[str, float]
    steps: int
    rejected: Mapping[str, int]

    @property
    def selection(self) -> Selection:
        """The weights that masks cover: all but biases and positions."""
        return select(self.network, include=tuple(next(iter(self.truth.values()))))


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
    """One construction: plant as the kind says, try the truth on every input, compare with the baselines.

    Raises:
        NotCounted: it breaks one of the rules; see `PlantingConfig`.
    """
    kind = KINDS[config.kind]
    task = kind.task()
    planting = kind.plant(task, Ground(config.hidden, config.noise, config.spread, config.finetune), seed)
    network, truth = planting.network, planting.truth
    if not all(computes(bake(network, mask), task, name) for name, mask in truth.items()):
        raise NotCounted("the minimal circuit alone does not compute the function")
    by_magnitude, by_gradient = _baselines(network, task, truth, child_seed(seed, "baselines"))
    if max(by_magnitude.values()) >= config.baseline_limit:
        raise NotCounted("magnitude finds the module")
    if max(by_gradient.values()) >= config.baseline_limit:
        raise NotCounted("|weight x gradient| finds the module")
    return PlantedNetwork(network, task, truth, planting.territory, by_magnitude, by_gradient, planting.steps, {})


def _baselines(
    network: nn.Module, task: Multiplexers, truth: Mapping[str, BinaryMask], seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """F1 of top-k by magnitude and by |weight x gradient| at the true k, by function."""
    selection = select(network, include=tuple(next(iter(truth.values()))))
    by_magnitude, by_gradient = {}, {}
    for name, mask in truth.items():
        batches = task.batches(name, _GRADIENT_ITEMS, child_seed(seed, name))
        scores = weight_times_gradient(network, task.loss, map(batches, range(_GRADIENT_PARTS)), selection)
        by_gradient[name] = recovery(top_weights_overall(scores, mask.kept), mask).f1
        by_magnitude[name] = recovery(top_weights_overall(magnitude(network, selection), mask.kept), mask).f1
    return by_magnitude, by_gradient
