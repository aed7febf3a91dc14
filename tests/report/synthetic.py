"""A record that looks like a real one and took no time to make: numbers are drawn, the rest goes the real way."""

import dataclasses
import math
from itertools import combinations

import numpy as np

from maskscope.analysis import Floor, NullTest, Sharing, density_floor, dice_floor
from maskscope.analysis.null import unrelated_p_value
from maskscope.engine.address import study_at
from maskscope.engine.claims import Claim, Condition, judge
from maskscope.engine.record import Provenance
from maskscope.engine.spec import to_json
from maskscope.masks import OverlapCounts
from maskscope.procedure.numbers import quantities
from maskscope.procedure.record import ControlNote, MaskRecord, with_floors
from maskscope.procedure.result import CoreResult, HalfMask, Kept, MaskResult, NetworkResult, PairResult, SharingResult
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from maskscope.tasks import Scores

TENSORS = {"layers.0.weight": 42 * 400, "layers.1.weight": 400 * 400, "layers.2.weight": 400 * 200, "layers.3.weight": 200 * 20}
IO = ("layers.0.weight", "layers.3.weight")
ALL_CONTROLS = ("untrained", "shuffled-weights", "shuffled-labels", "copied-io")
_DENSITY = {"layers.0.weight": 0.11, "layers.1.weight": 0.016, "layers.2.weight": 0.031, "layers.3.weight": 0.22}
_WITHIN = {"layers.0.weight": 0.74, "layers.1.weight": 0.42, "layers.2.weight": 0.45, "layers.3.weight": 0.8}
_BETWEEN = {"layers.0.weight": 0.52, "layers.1.weight": 0.07, "layers.2.weight": 0.1, "layers.3.weight": 0.66}
# two places have inputs and outputs of their own
_BETWEEN_PLACES = {"layers.0.weight": 0.002, "layers.1.weight": 0.09, "layers.2.weight": 0.12, "layers.3.weight": 0.001}
PROVENANCE = Provenance(
    maskscope="0.1.0",
    code="5b7f0c31ab42",
    versions={"python": "3.11.2", "torch": "2.13.0", "numpy": "2.3.1", "safetensors": "0.6.2", "scipy": "1.16.0"},
    machine={"processor": "Example processor at 2.6 GHz", "cores": "2", "system": "Linux x86_64", "memory": "16 GiB"},
    threads=1,
    device="cpu",
    seconds={"network": 171.3, "mask": 2840.7, "analysis": 61.0},
)


def make_record(
    seeds=(0, 1, 2),
    functions=("add", "mul"),
    *,
    experiment="addition-multiplication",
    repeats=1,
    controls=("untrained",),
    unrelated=0,
    subsets=1,
    hide="",
    spec=None,
) -> MaskRecord:
    """A plausible record.

    Args:
        seeds: of the networks.
        functions: their names.
        experiment: whose claims are judged, if the functions are its own; double-addition has input and output weights apart.
        repeats: of each function's mask.
        controls: that are there.
        unrelated: networks of the null.
        subsets: choices of early tensors for the half-mask test.
        hide: a function whose masks are empty, so that overlaps are undefined.
        spec: other settings.
    """
    random = np.random.default_rng(7)
    study = study_at(experiment)
    settings = study.spec(hidden=(400, 400, 200), repeats=repeats, controls=controls, unrelated=unrelated)
    networks = []
    for variant in ("trained", *controls):
        made = _Made(random, tuple(functions), variant, settings, experiment == "double-addition", hide, subsets)
        networks += [_network(made, seed) for seed in seeds]
    own = set(functions) in ({"add", "mul"}, {"pair-1", "pair-2"})
    return judged(
        study if own else dataclasses.replace(study, claims=_claims(functions)),
        settings,
        functions,
        networks,
        seeds=tuple(seeds),
        spec=spec or to_json(settings),
    )


def judged(study, settings, functions, networks, **more) -> MaskRecord:
    """What a study would find of these networks: quantities, verdicts, and the controls that there are."""
    subject = study.procedure.subject
    found = quantities(networks, functions, subject.numbers, study.procedure.units)
    claims = study.claims_about(settings)
    controls = [subject.controls[name] for name in settings.controls]
    whole = {
        "experiment": study.name,
        "study": study.address,
        "preset": "quick",
        "spec": to_json(settings),
        "functions": tuple(functions),
        "seeds": tuple(network.seed for network in networks if network.variant == "trained"),
        "networks": with_floors(networks),
        "quantities": found,
        "verdicts": tuple(judge(claim, found, study.procedure.lacks(claim, settings)) for claim in claims),
        "differences": study.differences,
        "provenance": PROVENANCE,
        "controls": tuple(ControlNote(one.name, one.words, one.short, one.null, one.whole_procedure) for one in controls),
    }
    return MaskRecord(**whole | more)


def make_double_record(**how) -> MaskRecord:
    """Double addition with everything that can be measured, unless told."""
    how = {"repeats": 4, "controls": ALL_CONTROLS, "unrelated": 19} | how
    return make_record(functions=("pair-1", "pair-2"), experiment="double-addition", **how)


SPEC = to_json(AdditionMultiplicationSpec(hidden=(400, 400, 200)))


@dataclasses.dataclass(frozen=True)
class _Made:
    """How the networks of one variant are made."""

    random: np.random.Generator
    functions: tuple[str, ...]
    variant: str
    settings: object
    places: bool
    hide: str
    subsets: int

    @property
    def works(self) -> bool:
        """Whether this network performs its functions at all."""
        return self.variant in ("trained", "copied-io")


def _network(made, seed) -> NetworkResult:
    random, functions = made.random, made.functions
    repeats = made.settings.repeats if made.works else 0
    names = [("all", 0)] if made.works else []
    names += [(name, repeat) for repeat in range(repeats + 1) for name in functions]
    masks = tuple(_mask(made, name, repeat) for name, repeat in names)
    of_functions = [mask for mask in masks if mask.function != "all"]
    pairs = tuple(_pair(made, a, b) for a, b in combinations(of_functions, 2))
    base = {name: _near(random, 0.998 if made.works else 0.011, 0.002) for name in functions}
    return NetworkResult(
        seed=seed,
        variant=made.variant,
        unmasked=_scores(base),
        masks=masks,
        pairs=pairs,
        sharing=tuple(_sharing(made, pairs, two) for two in combinations(functions, 2)),
        cores=tuple(_core(made, masks, name) for name in functions if repeats >= 4),
        half_masks=tuple(_half_mask(random, place) for place in range(made.subsets)) if made.works else (),
    )


def _mask(made, name, repeat) -> MaskResult:
    random, functions = made.random, made.functions
    size = 0.0 if name == made.hide else 1.6 if name == "all" else 1.0
    kept = {
        tensor: Kept(round(weights * _DENSITY[tensor] * size * random.uniform(0.93, 1.07)), weights)
        for tensor, weights in TENSORS.items()
    }
    spared = 0.93 if made.places else 0.31
    own = {
        f: _near(random, 0.985 if name in (f, "all") and made.works else 0.06 if name == f else 0.008, 0.006) for f in functions
    }
    inverse = {f: _near(random, 0.02 if name == f else 0.012 if name == "all" else spared, 0.018) for f in functions}
    hidden = {f: _near(random, 0.16 if name in (f, "all") else 0.88, 0.03) for f in functions}
    top = {f: _near(random, 0.34 if name in (f, "all") else 0.02, 0.05) for f in functions}
    removed = tuple(_scores({f: _near(random, 0.93, 0.02) for f in functions}) for _ in range(3))
    return MaskResult(
        function=name,
        repeat=repeat,
        by_tensor=kept,
        undecided=float(random.uniform(0.002, 0.008)),
        final_loss=0.04,
        unmasked_loss=0.01,
        sufficiency=_scores(own),
        necessity=_scores(inverse),
        necessity_full_io=_scores(hidden) if made.places and made.works else None,
        top_weights=_scores(top),
        random_removed=removed,
        histogram=_histogram(random, sum(part.kept for part in kept.values())),
    )


def _pair(made, a: MaskResult, b: MaskResult) -> PairResult:
    apart = _BETWEEN_PLACES if made.places and made.variant != "copied-io" else _BETWEEN
    shared = _WITHIN if a.function == b.function else apart
    counts = {}
    for tensor, part in a.by_tensor.items():
        other = b.by_tensor[tensor].kept
        both = round((part.kept + other) / 2 * shared[tensor] * made.random.uniform(0.9, 1.1))
        counts[tensor] = OverlapCounts(part.kept, other, min(both, part.kept, other), part.weights)
    floor = density_floor(counts.values(), 0)
    used = Floor(floor.dice * 4, floor.iomin * 4, floor.iou * 4)
    return PairResult((a.function, a.repeat), (b.function, b.repeat), counts, floor, used)


def _sharing(made, pairs, functions) -> SharingResult:
    found = Sharing(*_scale(made, pairs, functions, TENSORS, 1))
    null, accuracy = None, ()
    if made.variant == "trained" and made.settings.unrelated:
        chance = tuple(float(made.random.normal(0.8, 0.08) * found.between) for _ in range(made.settings.unrelated))
        accuracy = tuple(_near(made.random, 0.98, 0.004) for _ in chance)
        null = NullTest(found.between, chance, unrelated_p_value(found.between, chance))
    hidden = [name for name in TENSORS if name not in IO]
    return SharingResult(
        functions=functions,
        all_weights=found,
        used_weights=Sharing(*_scale(made, pairs, functions, TENSORS, 4)),
        hidden_weights=Sharing(*_scale(made, pairs, functions, hidden, 1)) if made.places else None,
        null=null,
        null_accuracy=accuracy,
    )


def _scale(made, pairs, functions, tensors, denser) -> tuple:
    """Mean Dice and floor between and within two functions, and where the overlap lies on that scale."""
    dice, floors = [], []
    for names in (functions, functions[:1] * 2, functions[1:] * 2):
        counts = [
            [pair.by_tensor[name] for name in tensors]
            for pair in pairs
            if sorted((pair.first[0], pair.second[0])) == sorted(names)
        ]
        dice.append(_mean([OverlapCounts.total(one).dice for one in counts]))
        floors.append(denser * _mean([dice_floor(one) for one in counts]))
    between, first, second = (a - b for a, b in zip(dice, floors, strict=True))
    value = between / math.sqrt(first * second) if first > 0 and second > 0 else math.nan
    return (made.settings.repeats + 1, *dice, *floors, value)


def _core(made, masks, name) -> CoreResult:
    kept = [sum(part.kept for part in mask.by_tensor.values()) for mask in masks if mask.function == name]
    weights = sum(TENSORS.values())
    core = round(0.55 * _mean(kept) * made.random.uniform(0.95, 1.05))
    return CoreResult(name, len(kept), math.ceil(0.8 * len(kept)), core, core / weights, (_mean(kept) / weights) ** 4)


def _half_mask(random, place) -> HalfMask:
    names = list(TENSORS)
    early = tuple(sorted((names[place % 4], names[(place + 1) % 4])))
    return HalfMask(early, _near(random, 0.988), _near(random, 0.701, 0.02 + 0.1 * place), _near(random, 0.895, 0.02))


def _scores(accuracy) -> Scores:
    functions = list(accuracy)
    confusion = {}
    for function, value in accuracy.items():
        others = [other for other in functions if other != function]
        spare = 100 * (1 - value)
        row = {function: 100 * value} | {other: 0.4 * spare / len(others) for other in others}
        confusion[function] = {name: row[name] for name in functions} | {"none": 0.6 * spare}
    return Scores(accuracy, confusion)


def _histogram(random, kept) -> tuple[int, ...]:
    x = (np.arange(500) + 0.5) / 500
    shape = np.exp(-x / 0.004) * (sum(TENSORS.values()) - kept) * 0.4 + np.exp(-(1 - x) / 0.006) * kept * 0.3 + 2.0
    return tuple(int(count) for count in random.poisson(shape))


def _near(random, value, spread=0.004) -> float:
    return float(min(1.0, max(0.0, random.normal(value, spread))))


def _mean(values) -> float:
    return sum(values) / len(values) if values else math.nan


def _claims(functions) -> tuple[Claim, ...]:
    own = tuple(Condition("sufficiency", name, name, ">=", 0.9) for name in functions)
    return (Claim("sufficient", "Does each mask keep its function?", own),)
