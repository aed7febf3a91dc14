"""Records of the studies of sequences that took no time to make: numbers are drawn, the rest goes the real way."""

import math
from itertools import combinations

import numpy as np

from maskscope.analysis import Sharing, density_floor
from maskscope.engine.address import study_at
from maskscope.engine.record import DataOrigin
from maskscope.masks import OverlapCounts
from maskscope.procedure.record import EvaluationPart, MaskRecord
from maskscope.procedure.result import HalfMask, Kept, MaskResult, NetworkResult, PairResult, SharingResult
from maskscope.studies.mathematics.spec import MathematicsSpec
from maskscope.studies.scan.spec import ScanSpec
from maskscope.studies.sequences.result import AnsweredExample, Baseline, OutputRows, SequenceResult
from maskscope.tasks import Scores
from tests.report.synthetic import judged

LSTM = {
    "decoder.rnn.weight_hh_l0": 160_000,
    "decoder.rnn.weight_hh_l1": 160_000,
    "decoder.rnn.weight_ih_l0": 12_800,
    "decoder.rnn.weight_ih_l1": 160_000,
    "encoder.weight_hh_l0": 160_000,
    "encoder.weight_hh_l1": 160_000,
    "encoder.weight_ih_l0": 12_800,
    "encoder.weight_ih_l1": 160_000,
    "output.weight": 1_400,
}
_INNER = (
    "self_attn.in_proj_weight",
    "self_attn.out_proj.weight",
    "linear1.weight",
    "linear2.weight",
    "norm1.weight",
    "norm1.bias",
)
TRANSFORMER = {
    f"{half}.{layer}.{name}": 20_000 if "." in name and "norm" not in name else 100
    for half in ("encoder", "decoder")
    for layer in range(3)
    for name in _INNER
}
TOKENS = ("I_TURN_LEFT", "I_TURN_RIGHT", "I_JUMP", "I_WALK", "I_RUN", "I_LOOK", "end")
SPLITS = ("jump", "length", "turn_left")
_ITEMS = {"jump": (7_706, 6_218), "length": (3_920, 3_152), "turn_left": (1_208, 948)}
_FOUND_WITH = {"jump": (13_204, 10_559), "length": (16_990, 13_576), "turn_left": (19_702, 15_780)}
LEVELS = ("easy", "medium", "hard", "interpolate")
_LONG = ("I_TURN_RIGHT", "I_JUMP") * 12
_COMMANDS = {
    "walk right twice and run": (("I_TURN_RIGHT", "I_WALK") * 2 + ("I_RUN",), False),
    "look left after turn right": (("I_TURN_RIGHT", "I_TURN_LEFT", "I_LOOK"), False),
    "jump around right thrice and jump around right thrice": (_LONG * 2, False),
    "jump twice": (("I_JUMP",) * 2, True),
}
_QUESTIONS = {"What is -7.5 - 0.04?": "-7.54", "Sort -3, 11, 0.5.": "-3, 0.5, 11", "Work out 1 + 2.": "3"}


def make_scan_record(
    seeds=(0, 1, 2), splits=SPLITS, *, repeats=0, baselines=True, drops=False, controls=(), network="lstm", judged=0
) -> MaskRecord:
    """SCAN.

    Args:
        seeds: of the networks.
        splits: that masks are for.
        repeats: of each mask for a split.
        baselines: whether networks were trained on the splits.
        drops: whether networks were evaluated with the decoder's dropout on as well.
        controls: that are there.
        network: lstm or transformer.
        judged: commands of each test; 0: all.
    """
    random = np.random.default_rng(11)
    spec = ScanSpec(
        network=network,
        splits=splits,
        repeats=repeats,
        baselines=baselines,
        decoder_drops=drops,
        controls=controls,
        test_items=judged,
    )
    functions = ("simple", *(f"{split}{end}" for split in splits for end in ("", "-unseen", "-train")))
    parts = [_part("simple", 4_182, judged or 4_182, 0)]
    for split in splits:
        items, seen = _ITEMS[split]
        parts.append(_part(split, items, judged or items, seen))
        items, seen = _FOUND_WITH[split]
        parts.append(_part(f"{split}-train", items, judged or 1_000, seen))
    tensors = LSTM if network == "lstm" else TRANSFORMER
    networks = []
    for variant in ("trained", *controls):
        for seed in seeds:
            able = 0.99 if variant == "trained" else 0.0
            networks.append(_network(random, seed, variant, spec, functions, splits, tensors, able, _scan_examples(splits, spec)))
    return _record("scan", spec, functions, splits, networks, parts, DataOrigin("scan", "c3" * 32, verified=True))


def _part(name, items, judged, seen) -> EvaluationPart:
    return EvaluationPart(name, items, judged, seen, round(judged * (1 - seen / items)))


def make_mathematics_record(seeds=(0, 1, 2), masks_on=("easy",), *, repeats=0, able=0.9) -> MaskRecord:
    """The Mathematics Dataset: no networks trained on a part, no rows of an output map, no half-mask test."""
    random = np.random.default_rng(12)
    spec = MathematicsSpec(masks_on=masks_on, repeats=repeats)
    examples = tuple(
        AnsweredExample(level, text, tuple(answer), False, _given(tuple(answer), ("unmasked", "all", *masks_on)))
        for level in LEVELS
        for text, answer in _QUESTIONS.items()
    )
    networks = [_network(random, seed, "trained", spec, LEVELS, masks_on, TRANSFORMER, able, examples) for seed in seeds]
    parts = [_part(level, 10_000, 10_000, 0) for level in LEVELS]
    origin = DataOrigin("mathematics, add_or_sub, generated", "d4" * 32, verified=True)
    return _record("mathematics", spec, LEVELS, masks_on, networks, parts, origin)


def _record(experiment, spec, functions, sought, networks, parts, origin) -> MaskRecord:
    return judged(study_at(experiment), spec, functions, networks, sought=tuple(sought), data=origin, evaluated_on=tuple(parts))


def _network(random, seed, variant, spec, functions, sought, tensors, able, examples) -> NetworkResult:
    trained = variant == "trained"
    names = [("all", 0)] if trained else []
    names += [(name, repeat) for repeat in range(spec.repeats + 1 if trained else 1) for name in sought]
    masks = tuple(_mask(random, name, repeat, functions, tensors, able) for name, repeat in names)
    parts = [mask for mask in masks if mask.function != "all"]
    scan = isinstance(spec, ScanSpec)
    pairs = tuple(_pair(random, first, second) for first, second in combinations(parts, 2))
    return NetworkResult(
        seed=seed,
        variant=variant,
        unmasked=_scores(random, functions, able),
        masks=masks,
        pairs=pairs,
        sharing=tuple(_sharing(two, spec.repeats) for two in combinations(sought, 2)),
        cores=(),
        half_masks=(HalfMask(tuple(tensors)[:3], able, 0.61, 0.72),) if trained and scan else (),
        more=SequenceResult(
            examples=examples,
            baselines=tuple(_baseline(random, name, functions, spec) for name in sought)
            if scan and trained and spec.baselines
            else (),
            rows=tuple(_rows(random, *name) for name in names) if scan else (),
            dropping=_scores(random, functions, 0.7 * able) if scan and spec.decoder_drops else None,
        ),
    )


def _mask(random, name, repeat, functions, tensors, able) -> MaskResult:
    size = 0.4 if name == "all" else 0.3
    kept = {tensor: Kept(round(weights * size * random.uniform(0.9, 1.1)), weights) for tensor, weights in tensors.items()}
    here, weights = sum(part.kept for part in kept.values()), sum(tensors.values())
    return MaskResult(
        function=name,
        repeat=repeat,
        by_tensor=kept,
        undecided=0.01,
        final_loss=0.1,
        unmasked_loss=0.05,
        sufficiency=_scores(random, functions, able, lost=_lost(name, functions)),
        necessity=_scores(random, functions, 0.02),
        necessity_full_io=None,
        top_weights=_scores(random, functions, 0.3 * able),
        random_removed=(_scores(random, functions, 0.2 * able),),
        histogram=(*(weights - here,), *(0,) * 498, here),
        judged_by=f"{name}-train" if f"{name}-train" in functions else "",
    )


def _lost(name, functions) -> dict[str, float]:
    """Of each test, the share of accuracy that is lost under a mask."""
    if name == "all":
        return {}
    if f"{name}-train" in functions:
        return {name: 0.8, f"{name}-unseen": 0.83}
    return {level: 0.35 for level in functions if level != name}


def _baseline(random, name, functions, spec) -> Baseline:
    lost = {name: 0.95, f"{name}-unseen": 0.96}
    dropping = _scores(random, functions, 0.5, lost=lost) if spec.decoder_drops else None
    return Baseline(name, _scores(random, functions, 0.97, lost=lost), dropping)


def _rows(random, name, repeat) -> OutputRows:
    removed = {token: random.uniform(0.2, 0.4) for token in TOKENS}
    if name == "jump":
        removed["I_JUMP"] = random.uniform(0.85, 0.95)
    return OutputRows(name, repeat, {token: Kept(200 - round(200 * share), 200) for token, share in removed.items()})


def _scores(random, functions, able, lost=None) -> Scores:
    drops = lost or {}
    accuracy = {name: float(np.clip(random.normal(able, 0.01) * (1 - drops.get(name, 0.0)), 0, 1)) for name in functions}
    return Scores(accuracy, {})


def _pair(random, first, second) -> PairResult:
    share = 0.6 if first.function == second.function else 0.45
    counts = {}
    for tensor, part in first.by_tensor.items():
        other = second.by_tensor[tensor].kept
        counts[tensor] = OverlapCounts(part.kept, other, round(share * min(part.kept, other)), part.weights)
    floor = density_floor(counts.values(), 0)
    used = type(floor)(*(min(1.0, 1.5 * one) for one in (floor.dice, floor.iomin, floor.iou)))
    return PairResult((first.function, first.repeat), (second.function, second.repeat), counts, floor, used)


def _sharing(two, repeats) -> SharingResult:
    ceiling = 0.6 if repeats else math.nan
    normalised = (0.45 - 0.3) / (0.6 - 0.3) if repeats else math.nan
    scale = Sharing(repeats + 1, 0.45, ceiling, ceiling, 0.3, 0.3, 0.3, normalised)
    return SharingResult(two, scale, scale, None, None)


def _scan_examples(splits, spec) -> tuple[AnsweredExample, ...]:
    who = ["unmasked", "all", *splits, *(f"baseline {split}" for split in splits if spec.baselines)]
    tests = ["simple", *(name for split in splits for name in (split, f"{split}-train"))]
    return tuple(
        AnsweredExample(test, command, answer, seen and test in splits, _given(answer, who))
        for test in tests
        for command, (answer, seen) in _COMMANDS.items()
    )


def _given(answer, who) -> dict[str, tuple[str, ...]]:
    """The unmasked network and the full mask are right; then one is too short, one too long, one wrong, and so on."""
    ways = (answer[: len(answer) // 2], (*answer, answer[0], answer[-1]), (*answer[:-1], answer[0]), ())
    return {name: answer if place < 2 else ways[(place - 2) % len(ways)] for place, name in enumerate(who)}
