"""A record that looks like a real one and took no time to make: numbers are drawn, the rest goes the real way."""

import dataclasses
import math

import numpy as np

from maskscope.analysis import Floor, Sharing, density_floor
from maskscope.experiments.claims import Claim, Condition, judge
from maskscope.experiments.paper.addition_multiplication import CLAIMS, DIFFERENCES
from maskscope.experiments.quantities import quantities
from maskscope.experiments.record import HalfMask, Kept, MaskResult, NetworkResult, PairResult, Provenance, Record
from maskscope.masks import OverlapCounts
from maskscope.tasks import Scores

TENSORS = {"layers.0.weight": 42 * 400, "layers.1.weight": 400 * 400, "layers.2.weight": 400 * 200, "layers.3.weight": 200 * 20}
_DENSITY = {"layers.0.weight": 0.11, "layers.1.weight": 0.016, "layers.2.weight": 0.031, "layers.3.weight": 0.22}
_WITHIN = {"layers.0.weight": 0.74, "layers.1.weight": 0.42, "layers.2.weight": 0.45, "layers.3.weight": 0.8}
_BETWEEN = {"layers.0.weight": 0.52, "layers.1.weight": 0.07, "layers.2.weight": 0.1, "layers.3.weight": 0.66}
SPEC = {
    "network": "mlp",
    "hidden": [400, 400, 200],
    "digits": 2,
    "train_items": 1_000_000,
    "fit": {"steps": 12_000, "batch_size": 128, "learning_rate": 0.001, "clip_norm": 1.0},
    "mask": {
        "steps": 5_000,
        "batch_size": 128,
        "samples_per_step": 4,
        "learning_rate": 0.05,
        "beta": 0.0001,
        "estimator": "rao-blackwell",
    },
    "repeats": 1,
    "untrained": True,
    "random_draws": 5,
    "dtype": "float32",
}


def make_record(seeds=(0, 1, 2), functions=("add", "mul"), *, repeats=1, untrained=True, hide="", spec=None) -> Record:
    """A plausible record.

    Args:
        seeds: of the networks.
        functions: their names.
        repeats: of each function's mask.
        untrained: whether the control is there.
        hide: a function whose masks are empty, so that overlaps are undefined.
        spec: other settings.
    """
    random = np.random.default_rng(7)
    networks = [_network(random, seed, functions, repeats, True, hide) for seed in seeds]
    networks += [_network(random, seed, functions, 0, False, hide) for seed in seeds] if untrained else []
    found = quantities(networks, functions)
    claims = CLAIMS if set(functions) == {"add", "mul"} else _claims(functions)
    return Record(
        experiment="addition-multiplication",
        preset="quick",
        spec=spec or SPEC,
        functions=tuple(functions),
        seeds=tuple(seeds),
        networks=tuple(networks),
        quantities=found,
        verdicts=tuple(judge(claim, found) for claim in claims),
        differences=DIFFERENCES,
        provenance=Provenance(
            maskscope="0.1.0",
            code="5b7f0c31ab42",
            versions={"python": "3.11.2", "torch": "2.13.0", "numpy": "2.3.1", "safetensors": "0.6.2", "scipy": "1.16.0"},
            machine={"processor": "Example processor at 2.6 GHz", "cores": "2", "system": "Linux x86_64", "memory": "16 GiB"},
            threads=1,
            device="cpu",
            seconds={"network": 171.3, "mask": 2840.7, "analysis": 61.0},
        ),
    )


def with_one(record: Record, measure: str, mask: str, function: str, value: float) -> Record:
    """The record with one quantity's first value replaced."""
    changed = []
    for one in record.quantities:
        if (one.measure, one.mask, one.function, one.trained) == (measure, mask, function, True):
            summary = dataclasses.replace(
                one.summary, n=0, mean=value, std=math.nan, low=math.nan, high=math.nan, values=(value,) * len(record.seeds)
            )
            one = dataclasses.replace(one, summary=summary)
        changed.append(one)
    return dataclasses.replace(record, quantities=tuple(changed))


def _network(random, seed, functions, repeats, trained, hide) -> NetworkResult:
    whole = ["all"] if trained else []
    names = [(name, 0) for name in whole] + [(name, repeat) for repeat in range(repeats + 1) for name in functions]
    masks = tuple(_mask(random, name, repeat, functions, trained, hide) for name, repeat in names)
    of_functions = [mask for mask in masks if mask.function != "all"]
    pairs = tuple(_pair(random, a, b) for place, a in enumerate(of_functions) for b in of_functions[place + 1 :])
    sharing = _sharing(random, 0 if hide else repeats) if len(functions) == 2 and trained else None
    half = HalfMask(("layers.0.weight", "layers.1.weight"), _near(random, 0.988), _near(random, 0.981), _near(random, 0.985))
    base = {name: _near(random, 0.998 if trained else 0.011, 0.002) for name in functions}
    return NetworkResult(seed, trained, _scores(base), masks, pairs, sharing, sharing, half if trained else None)


def _mask(random, name, repeat, functions, trained, hide) -> MaskResult:
    empty = name == hide
    kept = {
        tensor: Kept(
            0 if empty else round(weights * _DENSITY[tensor] * (1.6 if name == "all" else 1) * random.uniform(0.93, 1.07)),
            weights,
        )
        for tensor, weights in TENSORS.items()
    }
    own = {f: _near(random, 0.985 if name in (f, "all") and trained else 0.06 if name == f else 0.008, 0.006) for f in functions}
    inverse = {f: _near(random, 0.02 if name == f else 0.012 if name == "all" else 0.31, 0.018) for f in functions}
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
        top_weights=_scores(top),
        random_removed=removed,
        histogram=_histogram(random, sum(part.kept for part in kept.values())),
    )


def _pair(random, a: MaskResult, b: MaskResult) -> PairResult:
    shared = _WITHIN if a.function == b.function else _BETWEEN
    counts = {}
    for tensor, part in a.by_tensor.items():
        other = b.by_tensor[tensor].kept
        both = round((part.kept + other) / 2 * shared[tensor] * random.uniform(0.9, 1.1))
        counts[tensor] = OverlapCounts(part.kept, other, min(both, part.kept, other), part.weights)
    floor = density_floor(counts.values(), 0)
    used = Floor(floor.dice * 4, floor.iomin * 4, floor.iou * 4)
    return PairResult((a.function, a.repeat), (b.function, b.repeat), counts, floor, used)


def _sharing(random, repeats) -> Sharing:
    value = float(random.normal(0.42, 0.03)) if repeats else math.nan
    return Sharing(repeats + 1, 0.3, 0.55, 0.57, 0.04, 0.05, 0.05, value)


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


def _claims(functions) -> tuple[Claim, ...]:
    own = tuple(Condition("sufficiency", name, name, ">=", 0.9) for name in functions)
    return (Claim("sufficient", "Does each mask keep its function?", own),)
