"""Normalised sharing on networks whose true overlap is planted, and on masks that miss true weights at random.

A planted network computes exclusive-ors of pairs of bits, each by six weights of its own:

=====  ============================================  ============================
layer  unit                                          is 1 when, else 0
=====  ============================================  ============================
1      u = relu(p - q - 1), v = relu(q - p - 1)      p is set and q not; the other
2      s = relu(u + v)                               the bits differ
3      output of a function: a weighted sum of s     -
=====  ============================================  ============================

Each of two functions is a weighted sum of 20 of them, of which a set number is common to both; with all 20 common the functions
still differ, in their sums. Masked are the first two layers, so that the true Dice is the common share exactly. Every other
weight of these layers is noise.
"""

import random
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmarks.calibration.stacked import Question, SideBySide, ask, every_input, explained_under, squares
from maskscope.analysis import normalised_sharing
from maskscope.analysis.recovery import recovery
from maskscope.masks import BinaryMask, Penalty
from maskscope.training import MaskConfig, child_seed

BITS, TERMS = 12, 20
LEVELS = (0.0, 0.1, 0.25, 0.5, 1.0)
MASKED = ("weight0", "weight1")
PENALTY = Penalty(3e-3)
MASKS = MaskConfig(steps=600, learning_rate=0.1, size=PENALTY, schedule="cosine", clip_norm=0.0)


@dataclass(frozen=True)
class PlantedSettings:
    """How networks are planted and their masks found."""

    networks: int = 10
    hidden: tuple[int, int] = (160, 80)
    noise: float = 0.05
    masks: MaskConfig = field(default_factory=lambda: MASKS)
    items: int = 64


@dataclass(frozen=True)
class Planted:
    """One network.

    Args:
        true: planted Dice D.
        expected: what normalised sharing of the true masks themselves is: (D - c) / (1 - c), with the floor c of their sizes.
        sharing: normalised sharing of two masks of each function.
        between: d_AB.
        ceiling: mean of w_A and w_B.
        precision: of the masks, mean of the four.
        recall: likewise.
        explained: share of the variance of a function that is explained under its mask, mean of the four.
        undecided: share of undecided logits.
    """

    true: float
    expected: float
    sharing: float
    between: float
    ceiling: float
    precision: float
    recall: float
    explained: float
    undecided: float


def run_planted(settings: PlantedSettings, level: float, seed: int) -> list[Planted]:
    """Plants networks of one level, finds two masks of each function, compares."""
    draw, noise = random.Random(seed), torch.Generator().manual_seed(seed)
    common = round(level * TERMS)
    count = 2 * TERMS - common
    network = SideBySide(settings.networks, (BITS, *settings.hidden, 2), 0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for name in MASKED:
            weight = network.get_parameter(name)
            weight.copy_(settings.noise * torch.randn(weight.shape, generator=noise))
    pairs = [(p, q) for q in range(BITS) for p in range(q)]
    differ = (1 - every_input(BITS)[:, [p for p, _ in pairs]] * every_input(BITS)[:, [q for _, q in pairs]]) / 2
    truth: list[list[BinaryMask]] = [[], []]
    values = torch.zeros(2, settings.networks, 1 << BITS)
    for place in range(settings.networks):
        chosen = draw.sample(range(len(pairs)), count)
        bits = [{name: torch.zeros(network.get_parameter(name).shape[1:], dtype=torch.bool) for name in MASKED} for _ in range(2)]
        firsts, seconds = draw.sample(range(settings.hidden[0]), 2 * count), draw.sample(range(settings.hidden[1]), count)
        for term, pair in enumerate(chosen):
            # 0 .. common - 1 are of both functions, then those of the first alone, then those of the second
            owners = [0, 1] if term < common else [0] if term < TERMS else [1]
            unit = (firsts[2 * term], firsts[2 * term + 1], seconds[term])
            _wire(network, place, pairs[pair], unit, draw)
            for owner in owners:
                share = draw.uniform(0.5, 1.5)
                with torch.no_grad():
                    network.get_parameter("weight2")[place, owner, unit[2]] = share
                values[owner, place] += share * differ[:, pair]
                bits[owner]["weight0"][[unit[0], unit[0], unit[1], unit[1]], [*pairs[pair], *pairs[pair]]] = True
                bits[owner]["weight1"][unit[2], [unit[0], unit[1]]] = True
        for owner in range(2):
            truth[owner].append(BinaryMask(bits[owner]))
    questions = [Question("AB"[owner], owner, values[owner], repeat) for owner in range(2) for repeat in range(2)]
    answers = ask(
        network, questions, settings.masks, child_seed(seed, "masks"), items=settings.items, include=MASKED, error=squares
    )
    explained = [explained_under(network, answer, question) for answer, question in zip(answers, questions, strict=True)]
    undecided = sum(answer.undecided for answer in answers) / len(answers)
    result = []
    for place in range(settings.networks):
        found = [answer.masks[place] for answer in answers]
        sharing = normalised_sharing(found[:2], found[2:])
        scores = [recovery(mask, truth[owner][place]) for owner, mask in zip((0, 0, 1, 1), found, strict=True)]
        precision, recall = (sum(s.precision for s in scores) / 4, sum(s.recall for s in scores) / 4)
        ceiling = (sharing.within_first + sharing.within_second) / 2
        planted = [truth[owner][place] for owner in range(2)]
        expected = normalised_sharing([planted[0]] * 2, [planted[1]] * 2).normalised
        share = sum(float(one[place]) for one in explained) / len(explained)
        result.append(Planted(level, expected, sharing.normalised, sharing.between, ceiling, precision, recall, share, undecided))
    return result


def missed_at_random(level: float, recall: float, seed: int) -> float:
    """Normalised sharing of synthetic masks, three a function, that keep each of 500 true weights with a chance of ``recall``.

    10,000 weights, of which each false one is kept with a chance of 0.2 %.
    """
    random = torch.Generator().manual_seed(seed)
    size, core = 10_000, 500
    order = torch.randperm(size, generator=random)
    begin = round(core * (1 - level))

    def mask(truth: Tensor) -> BinaryMask:
        bits = torch.rand(size, generator=random) < 0.002
        bits[truth] = torch.rand(core, generator=random) < recall
        return BinaryMask({"weights": bits})

    first, second = order[:core], order[begin : begin + core]
    return normalised_sharing([mask(first) for _ in range(3)], [mask(second) for _ in range(3)]).normalised


def _wire(network: SideBySide, place: int, pair: tuple[int, int], unit: tuple[int, int, int], draw: random.Random) -> None:
    """Writes one exclusive-or, each unit's scale a number of its own."""
    (p, q), (u, v, s) = pair, unit
    with torch.no_grad():
        scales = [draw.uniform(0.7, 1.4) for _ in range(2)]
        for hidden, (plus, minus), scale in ((u, (p, q), scales[0]), (v, (q, p), scales[1])):
            network.get_parameter("weight0")[place, hidden, plus] = scale
            network.get_parameter("weight0")[place, hidden, minus] = -scale
            network.get_parameter("bias0")[place, 0, hidden] = -scale
            network.get_parameter("weight1")[place, s, hidden] = 1 / scale
