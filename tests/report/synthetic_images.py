"""Records of the image studies that took no time to make: numbers are drawn, the rest goes the real way."""

import math
from itertools import combinations

import numpy as np

from maskscope.analysis import GradientCosine, Sharing, density_floor
from maskscope.engine.address import study_at
from maskscope.engine.claims import judge
from maskscope.engine.record import DataOrigin
from maskscope.engine.spec import to_json
from maskscope.masks import OverlapCounts
from maskscope.procedure.record import MaskRecord
from maskscope.procedure.result import HalfMask, Kept, MaskResult, NetworkResult, PairResult, SharingResult
from maskscope.studies.class_removal.result import Filters, Owned, RemovalResult
from maskscope.studies.class_removal.spec import ClassRemovalSpec
from maskscope.studies.mask_stability.spec import MaskStabilitySpec
from maskscope.studies.permuted_images.numbers import growth_quantities
from maskscope.studies.permuted_images.result import GrownTask, GrowthRecord, GrowthResult, Reused
from maskscope.studies.permuted_images.spec import PermutedImagesSpec
from maskscope.tasks import Scores
from tests.report.synthetic import PROVENANCE, judged

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_LIKE = {"airplane": "ship", "automobile": "truck", "bird": "airplane", "cat": "dog", "deer": "horse", "dog": "cat"}
_LIKE |= {"frog": "bird", "horse": "deer", "ship": "airplane", "truck": "automobile"}
TENSORS = {
    "features.0.weight": 864,
    "features.10.weight": 294_912,
    "features.3.weight": 18_432,
    "features.6.weight": 73_728,
    "output.weight": 2_560,
}
_OWNED = {
    "features.0.weight": 0.03,
    "features.10.weight": 0.11,
    "features.3.weight": 0.05,
    "features.6.weight": 0.07,
    "output.weight": 0,
}
LAYERS = {
    "layers.0.weight": 627_200,
    "layers.0.bias": 800,
    "layers.1.weight": 640_000,
    "layers.2.weight": 51_200,
    "layers.3.weight": 640,
}
UNVERIFIED = DataOrigin("cifar10", "a5" * 32, verified=False)
PUBLISHED = DataOrigin("mnist", "b2" * 32, verified=True)


def make_removal_record(seeds=(0, 1, 2), removed=("airplane", "cat", "dog"), *, repeats=1, data=UNVERIFIED) -> MaskRecord:
    """Class removal."""
    random = np.random.default_rng(3)
    spec = ClassRemovalSpec(classes=removed, gradient_cosine=removed[0], repeats=repeats)
    networks = [_removal(random, seed, removed, repeats) for seed in seeds]
    masks = tuple(f"without-{name}" for name in removed)
    return _record("cifar10-class-removal", spec, networks, masks, data)


def make_stability_record(seeds=(0, 1, 2), pairs=("airplane-and-cat", "bird-and-dog", "horse-and-truck")) -> MaskRecord:
    """Mask stability."""
    random = np.random.default_rng(4)
    networks = [_stability(random, seed, pairs) for seed in seeds]
    return _record("cifar10-mask-stability", MaskStabilitySpec(pairs=len(pairs), repeats=1), networks, pairs, UNVERIFIED)


def make_growth_record(seeds=(0, 1, 2), tasks=6, new_logits=(2.0, 0.0, -1.0)) -> GrowthRecord:
    """Permuted images."""
    random = np.random.default_rng(5)
    spec = PermutedImagesSpec(tasks=tasks, new_logits=new_logits)
    growths = tuple(_growth(random, seed, start, tasks) for start in new_logits for seed in seeds)
    found, study = growth_quantities(growths), study_at("permuted-mnist")
    return GrowthRecord(
        experiment=study.name,
        study=study.address,
        preset="quick",
        spec=to_json(spec),
        functions=tuple(f"T{place + 1}" for place in range(tasks)),
        seeds=tuple(seeds),
        growths=growths,
        quantities=found,
        verdicts=tuple(judge(claim, found) for claim in study.claims),
        differences=study.differences,
        provenance=PROVENANCE,
        data=PUBLISHED,
    )


def _record(experiment, spec, networks, sought, data) -> MaskRecord:
    return judged(study_at(experiment), spec, CLASSES, networks, sought=tuple(sought), data=data)


def _removal(random, seed, removed, repeats) -> NetworkResult:
    full = {tensor: Kept(round(weights * random.uniform(0.3, 0.4)), weights) for tensor, weights in TENSORS.items()}
    owned = {
        name: {
            tensor: Kept(round(part.kept * _OWNED[tensor] * random.uniform(0.8, 1.2)), part.kept) for tensor, part in full.items()
        }
        for name in removed
    }
    masks = [_mask(random, "all", 0, full, {})]
    for repeat in range(repeats + 1):
        for name in removed:
            kept = {tensor: Kept(part.kept - owned[name][tensor].kept, part.weights) for tensor, part in full.items()}
            inside = {tensor: Kept(kept[tensor].kept, part.kept) for tensor, part in full.items()}
            masks.append(_mask(random, f"without-{name}", repeat, kept, inside, lost=name))
    sizes = {name: {tensor: part.kept for tensor, part in parts.items()} for name, parts in owned.items()}
    pairs = _pairs(random, sizes, repeats, 0.35, 0.08)
    return NetworkResult(
        seed=seed,
        variant="trained",
        unmasked=_scores(random),
        masks=tuple(masks),
        pairs=pairs,
        sharing=tuple(_sharing(two, repeats) for two in combinations(removed, 2)),
        cores=(),
        half_masks=(HalfMask(("features.0.weight", "features.3.weight"), 0.77, 0.71, 0.74),),
        more=RemovalResult(
            owned=tuple(
                Owned(
                    name,
                    f"without-{name}",
                    parts,
                    _scores(random, {name: 0.6}),
                    tuple(_scores(random, {name: 0.1}) for _ in range(2)),
                )
                for name, parts in owned.items()
            ),
            cosines=_cosines(random),
            filters=_filters(random, removed),
        ),
    )


def _stability(random, seed, names) -> NetworkResult:
    sizes = {name: {tensor: round(weights * random.uniform(0.04, 0.06)) for tensor, weights in TENSORS.items()} for name in names}
    masks = []
    for repeat in (0, 1):
        for name in names:
            kept = {tensor: Kept(count, TENSORS[tensor]) for tensor, count in sizes[name].items()}
            masks.append(_mask(random, name, repeat, kept, {}, only=name.split("-and-")))
    return NetworkResult(
        seed=seed,
        variant="trained",
        unmasked=_scores(random),
        masks=tuple(masks),
        pairs=_pairs(random, sizes, 1, 0.62, 0.2),
        sharing=tuple(_sharing(two, 1) for two in combinations(names, 2)),
        cores=(),
        half_masks=(),
    )


def _mask(random, name, repeat, kept, inside, *, lost="", only=()) -> MaskResult:
    drops = {lost: 0.85} if lost else {other: 0.6 for other in CLASSES if only and other not in only}
    weights = sum(TENSORS.values())
    here = sum(part.kept for part in kept.values())
    return MaskResult(
        function=name,
        repeat=repeat,
        by_tensor=kept,
        undecided=0.01,
        final_loss=0.6,
        unmasked_loss=0.5,
        sufficiency=_scores(random, drops),
        necessity=_scores(random, dict.fromkeys(CLASSES, 0.9)),
        necessity_full_io=None,
        top_weights=_scores(random, dict.fromkeys(CLASSES, 0.4)),
        random_removed=(_scores(random, dict.fromkeys(CLASSES, 0.3)),),
        histogram=(*(weights - here,), *(0,) * 498, here),
        in_full=inside,
    )


def _scores(random, drops=None) -> Scores:
    """Accuracy about .8 less relative drops; mistakes go to the class that is alike, and to all others."""
    accuracy, confusion = {}, {}
    for name in CLASSES:
        value = float(np.clip(random.normal(0.8, 0.02) * (1 - (drops or {}).get(name, 0.0)), 0, 1))
        row = dict.fromkeys(CLASSES, 100 * (1 - value) * 0.4 / 8)
        row[_LIKE[name]] = 100 * (1 - value) * 0.6
        row[name] = 100 * value
        accuracy[name], confusion[name] = value, row
    return Scores(accuracy, confusion)


def _pairs(random, sizes, repeats, within, between) -> tuple[PairResult, ...]:
    labels = [(name, repeat) for repeat in range(repeats + 1) for name in sizes]
    found = []
    for first, second in combinations(labels, 2):
        counts = {}
        for tensor, weights in TENSORS.items():
            a, b = sizes[first[0]][tensor], sizes[second[0]][tensor]
            both = (within if first[0] == second[0] else between) * random.uniform(0.9, 1.1) * min(a, b)
            counts[tensor] = OverlapCounts(a, b, round(both), weights)
        floor = density_floor(counts.values(), 0)
        used = type(floor)(floor.dice * 2.5, floor.iomin * 2.5, floor.iou * 2.5)
        found.append(PairResult(first, second, counts, floor, used))
    return tuple(found)


def _sharing(two, repeats) -> SharingResult:
    ceiling = 0.35 if repeats else math.nan
    normalised = (0.08 - 0.03) / (0.35 - 0.03) if repeats else math.nan
    scale = Sharing(repeats + 1, 0.08, ceiling, ceiling, 0.03, 0.03, 0.03, normalised)
    return SharingResult(two, scale, scale, None, None)


def _cosines(random) -> tuple[GradientCosine, ...]:
    order = ("output.weight", "features.10.weight", "features.6.weight", "features.3.weight", "features.0.weight")
    return tuple(
        GradientCosine(order[:count], 0.9**count + random.normal(0, 0.01) * (count > 0), dict.fromkeys(order, 0.85**count))
        for count in range(len(order) + 1)
    )


def _filters(random, removed) -> Filters:
    size = 32 * 3 * 9
    keeps = random.random(size) < 0.7
    owned = {name: "".join("1" if bit else "0" for bit in keeps & (random.random(size) < 0.15)) for name in removed}
    weights = tuple(round(float(value), 4) for value in random.normal(0, 0.2, size))
    return Filters("features.0.weight", (32, 3, 3, 3), weights, "".join("1" if bit else "0" for bit in keeps), owned)


def _growth(random, seed, start, tasks) -> GrowthResult:
    found, used = [], dict.fromkeys(LAYERS, 0)
    for place in range(tasks):
        parts = {}
        for tensor, weights in LAYERS.items():
            kept = round(weights * random.uniform(0.04, 0.06))
            more = 0.25 if start > 0 else 0.5 if start == 0 else 0.7
            share = min(1.0, used[tensor] / weights + more * random.uniform(0.8, 1.1)) if place else 0.0
            parts[tensor] = Reused(kept, round(kept * share), used[tensor], weights)
            used[tensor] += kept - round(kept * share)
        accuracy = {f"T{other + 1}": float(random.uniform(0.08, 0.2)) for other in range(place)}
        density = sum(part.kept for part in parts.values()) / sum(LAYERS.values())
        own = float(random.normal(0.975, 0.002))
        found.append(GrownTask(f"T{place + 1}", own, 0.1, 0.01, density, accuracy, parts))
    return GrowthResult(seed, start, tuple(found))
