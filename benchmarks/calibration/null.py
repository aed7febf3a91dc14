"""The null test on networks of random multiplexers: how often it rejects where nothing is shared, and where a function is.

Every function is a random `Switch` of 8 bits, drawn independently: two of them have nothing to do with each other but what chance
gives. A design says what the network carries, and which masks are the null.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.stats
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.calibration.stacked import Answer, Question, SideBySide, accuracy, ask, fit_all, top_by_tensor, without_mask
from maskscope.analysis import (
    dice_floor,
    kept_counts,
    mid_p_value,
    normalised_sharing,
    null_test,
    unrelated_null,
    unrelated_p_value,
)
from maskscope.masks import BinaryMask, Penalty, overlap_by_tensor
from maskscope.training import FitConfig, MaskConfig, child_seed

BITS = 8
FIT = FitConfig(steps=1000, learning_rate=1e-2, clip_norm=0.0)
MASKS = MaskConfig(steps=500, learning_rate=0.2, size=Penalty(5e-4), schedule="cosine", clip_norm=0.0)
FIT_TWO = FitConfig(steps=600, learning_rate=1e-2, clip_norm=0.0)


@dataclass(frozen=True)
class Settings:
    """Sizes and mask settings; the latter chosen by accuracy and undecided share, on networks that are in no record."""

    nulls: int = 19
    hidden: tuple[int, ...] = (32, 32)
    hidden_of_two: tuple[int, ...] = (24, 24)
    masks: MaskConfig = field(default_factory=lambda: MASKS)
    items: int = 32


@dataclass(frozen=True)
class Design:
    """Where A and B stand, and what they are compared with.

    Args:
        title: for the page.
        null: ``carried``: K other functions that the network was trained on too; ``relabelled``: K random functions asked of B's
            output, which the network was not trained on; ``retrained``: the overlap of A and an unrelated function on each of K
            networks that start from the same weights and carry that function in place of B.
        crowded: the network carries K + 2 functions, not A and B alone.
        same: B is the function A, at another output.
        tests: how many, each on a network of its own.
    """

    title: str
    null: str
    crowded: bool
    same: bool
    tests: int


DESIGNS = {
    "carried": Design("K carried functions, nothing shared", "carried", True, False, 200),
    "relabelled": Design("K relabellings, a network of two functions, nothing shared", "relabelled", False, False, 40),
    "relabelled-crowded": Design("K relabellings, a network of 21 functions, nothing shared", "relabelled", True, False, 30),
    "retrained": Design("K retrained networks of two functions, nothing shared", "retrained", False, False, 40),
    "carried-same": Design("K carried functions, B is A", "carried", True, True, 30),
    "relabelled-same": Design("K relabellings, a network of two functions, B is A", "relabelled", False, True, 20),
    "retrained-same": Design("K retrained networks of two functions, B is A", "retrained", False, True, 10),
}


@dataclass(frozen=True)
class Trial:
    """One test on one network.

    Args:
        observed: Dice of the masks of A and B.
        null: the K overlaps.
        p: against them.
        mid_p: with half of the ties.
        p_matched: with the null's masks cut or filled to the size of B's in each tensor, by their logits.
        p_sizes: the naive test: P(overlap >= observed) for random masks of these sizes, hypergeometric by tensor.
        floor: what sizes give.
        sharing: normalised sharing, from two masks of each; NaN where there is one.
        accuracy: without a mask, worst function.
        sufficiency: of A's mask for A, of B's for B, mean of the null's for theirs.
        kept: weights in the mask of A, of B, mean of the null's.
        undecided: share of undecided logits, mean over A and B.
    """

    observed: float
    null: tuple[float, ...]
    p: float
    mid_p: float
    p_matched: float
    p_sizes: float
    floor: float
    sharing: float
    accuracy: float
    sufficiency: tuple[float, float, float]
    kept: tuple[float, float, float]
    undecided: float


def run_tests(design: Design, settings: Settings, networks: int, seed: int) -> list[Trial]:
    """So many tests, on networks that are trained and searched side by side."""
    draw = random.Random(seed)
    a = _functions(draw, networks)
    b = a if design.same else _functions(draw, networks)
    others = [_functions(draw, networks) for _ in range(settings.nulls)]
    if design.null == "retrained":
        return _retrained(a, b, others, settings, seed)
    carried = torch.stack([a, b, *(others if design.null == "carried" else ())], 2)
    if design.crowded and design.null != "carried":
        carried = torch.cat([carried, torch.stack([_functions(draw, networks) for _ in others], 2)], 2)
    hidden, fitting = (settings.hidden, FIT) if design.crowded else (settings.hidden_of_two, FIT_TWO)
    network = SideBySide(networks, (BITS, *hidden, carried.shape[2]), child_seed(seed, "weights"))
    fit_all(network, carried, fitting, child_seed(seed, "fit"))
    questions = [Question("A", 0, a), Question("B", 1, b), Question("A", 0, a, 1), Question("B", 1, b, 1)]
    questions += [Question(f"U{k}", 2 + k if design.null == "carried" else 1, other) for k, other in enumerate(others)]
    answers = ask(network, questions, settings.masks, child_seed(seed, "masks"), items=settings.items)
    bare = without_mask(network, carried).amin(1)
    right = torch.stack([accuracy(network, answer, question) for answer, question in zip(answers, questions, strict=True)])
    return [_test(answers, right[:, i], float(bare[i]), i) for i in range(networks)]


def _test(answers: Sequence[Answer], right: Tensor, bare: float, place: int) -> Trial:
    first, second, first_again, second_again, *unrelated = [answer.masks[place] for answer in answers]
    found = null_test(first, second, unrelated)
    matched = [top_by_tensor(answer.logits[place], kept_counts(second)) for answer in answers[4:]]
    return Trial(
        observed=found.observed,
        null=found.null,
        p=found.p,
        mid_p=mid_p_value(found.observed, found.null),
        p_matched=unrelated_p_value(found.observed, unrelated_null(first, matched)),
        p_sizes=by_sizes(first, second),
        floor=dice_floor(overlap_by_tensor(first, second).values()),
        sharing=normalised_sharing([first, first_again], [second, second_again]).normalised,
        accuracy=bare,
        sufficiency=(float(right[0]), float(right[1]), float(right[4:].mean())),
        kept=(first.kept, second.kept, sum(mask.kept for mask in unrelated) / max(1, len(unrelated))),
        undecided=(answers[0].undecided + answers[1].undecided) / 2,
    )


def _retrained(a: Tensor, b: Tensor, others: Sequence[Tensor], settings: Settings, seed: int) -> list[Trial]:
    """Tests whose nulls are made of networks that start from the same weights and differ in the second function alone."""
    group = 1 + len(others)
    first, second = a.repeat_interleave(group, 0), torch.stack([b, *others], 1).flatten(0, 1)
    network = SideBySide(len(first), (BITS, *settings.hidden_of_two, 2), child_seed(seed, "weights"), alike=group)
    carried = torch.stack([first, second], 2)
    fit_all(network, carried, FIT_TWO, child_seed(seed, "fit"))
    questions = [Question("A", 0, first), Question("B", 1, second)]
    answers = ask(network, questions, settings.masks, child_seed(seed, "masks"), items=settings.items)
    bare = without_mask(network, carried).amin(1).view(-1, group)
    rights = [accuracy(network, answer, question).view(-1, group) for answer, question in zip(answers, questions, strict=True)]
    undecided = (answers[0].undecided + answers[1].undecided) / 2
    tests = []
    for place in range(len(a)):
        mine, theirs = (answer.masks[place * group : (place + 1) * group] for answer in answers)
        observed, *null = [unrelated_null(mask, [other])[0] for mask, other in zip(mine, theirs, strict=True)]
        test = Trial(
            observed=observed,
            null=tuple(null),
            p=unrelated_p_value(observed, null),
            mid_p=mid_p_value(observed, null),
            p_matched=float("nan"),
            p_sizes=by_sizes(mine[0], theirs[0]),
            floor=dice_floor(overlap_by_tensor(mine[0], theirs[0]).values()),
            sharing=float("nan"),
            accuracy=float(bare[place].min()),
            sufficiency=(float(rights[0][place, 0]), float(rights[1][place, 0]), float(rights[1][place, 1:].mean())),
            kept=(mine[0].kept, theirs[0].kept, sum(mask.kept for mask in theirs[1:]) / max(1, len(others))),
            undecided=undecided,
        )
        tests.append(test)
    return tests


def by_sizes(first: BinaryMask, second: BinaryMask) -> float:
    """P(X >= observed overlap) when X is a sum of independent hypergeometric numbers, one a tensor."""
    chances, both = np.ones(1), 0
    for counts in overlap_by_tensor(first, second).values():
        possible = np.arange(min(counts.first, counts.second) + 1)
        chances = np.convolve(chances, scipy.stats.hypergeom.pmf(possible, counts.weights, counts.first, counts.second))
        both += counts.both
    return float(min(1.0, chances[both:].sum()))


def _functions(draw: random.Random, networks: int) -> Float[Tensor, "networks inputs"]:
    """A random multiplexer for each network: its values, -1 or +1, on every input."""
    bits = torch.arange(1 << BITS).unsqueeze(1) >> torch.arange(BITS) & 1
    rows = []
    for _ in range(networks):
        p, q, different, equal = draw.sample(range(BITS), 4)
        rows.append(torch.where(bits[:, p] != bits[:, q], bits[:, different], bits[:, equal]))
    return (2 * torch.stack(rows) - 1).to(torch.float32)
