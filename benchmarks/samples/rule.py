"""What is tried, what one try says, and the rule by which the winner is named.

The rule was fixed before the first run, but for how time is counted.

*The reference* is the preset `fast` as it is: four samples a step, 5,000 steps.

*Equal quality*: for both operations, the mask answers at least .99 of all inputs of its own operation rightly, or at least .99 of
the share that the reference answers; and it keeps at most 1.05 times as many weights as the reference.

*The winner* is the candidate of equal quality on every network that takes the least time; the reference is a candidate, too. The
time of a search is its steps times the lower quartile of the processor's seconds of a step, of all kinds in turns in one process.
(At first it was to be the processor's seconds of each search. The first five searches showed that those double with what
neighbours do.) A candidate that takes more than .8 of the reference's time cannot change the preset, and is not tried;
one that failed on a network is not tried on the next.

*The preset* takes the winner if three things hold: that takes at most .8 of the reference's time; two of its masks for one
function, with other noise and other data, are as alike as two of the reference's (mean Dice at most .02 lower: smaller masks are
less repeatable); and its full masks are of equal quality, too, by the operation that is answered less well.

Continuous sparsification has the settings that did best on another network: alpha 3e-6 at a rate of .05, and 1e-5 at .1 in 1,000
steps. (The latter was added after five searches on the first network.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from maskscope.procedure.settings import MaskSpec
from maskscope.studies.addition_multiplication.study import STUDY

RIGHT = 0.99
LARGER = 1.05
FASTER = 0.8
LESS_ALIKE = 0.02
FUNCTIONS = ("add", "mul")
WHOLE = "all"
FAST: MaskSpec = STUDY.preset("fast").mask
# alpha and learning rate
_SOFT = {"continuous-sparsification": (3e-6, 0.05), "continuous-sparsification, alpha 1e-5": (1e-5, 0.1)}


@dataclass(frozen=True)
class Candidate:
    """Settings of a search.

    Args:
        kind: the estimator, and what else is different.
        samples: S, the masks that are drawn in a step.
        steps: of the search; all schedules depend on it.
    """

    kind: str
    samples: int
    steps: int

    @property
    def spec(self) -> MaskSpec:
        """The settings: those of `fast` but for these; of continuous sparsification, which needs another penalty, its own."""
        if self.kind in _SOFT:
            alpha, rate = _SOFT[self.kind]
            return MaskSpec(
                steps=self.steps,
                samples_per_step=self.samples,
                learning_rate=rate,
                beta=alpha * FAST.reference_batch,
                initial_logit=0.0,
                estimator="continuous-sparsification",
                clip_norm=0.0,
                penalty_of="probabilities",
            )
        return replace(FAST, steps=self.steps, samples_per_step=self.samples, estimator=self.kind)


REFERENCE = Candidate("rao-blackwell", FAST.samples_per_step, FAST.steps)


def candidates() -> list[Candidate]:
    """Everything that may be tried; the reference first."""
    drawn = [("rao-blackwell", samples, FAST.steps // part) for part in (4, 2, 1) for samples in (1, 2, 4, 8)]
    sure = [("deterministic", 1, FAST.steps // part) for part in (4, 2, 1)]
    gentle, firm = _SOFT
    soft = [*((gentle, 1, steps) for steps in (500, 1_000, 2_000)), (firm, 1, 1_000)]
    return [REFERENCE, *(one for one in (Candidate(*words) for words in [*soft, *drawn, *sure]) if one != REFERENCE)]


@dataclass(frozen=True)
class Quality:
    """How good the mask of a function is.

    Args:
        accuracy: by operation, of all inputs.
        density: the share of weights that it keeps.
        undecided: the share of its logits that are.
    """

    accuracy: Mapping[str, float]
    density: float
    undecided: float

    def on(self, function: str) -> float:
        """The accuracy on the mask's own function; on both, that of the worse."""
        return self.accuracy[function] if function in self.accuracy else min(self.accuracy.values())


@dataclass(frozen=True)
class Row:
    """The masks of one network, found together.

    Args:
        candidate: the settings.
        seed: of the network.
        repeat: of the noise and of the order of the data.
        masks: by function.
        cpu_seconds: of the processor, for all masks together, on one thread; not compared, because neighbours change them.
    """

    candidate: Candidate
    seed: int
    repeat: int
    masks: Mapping[str, Quality]
    cpu_seconds: float


def is_equal(mine: Quality, reference: Quality, function: str) -> bool:
    """Whether a mask is of equal quality."""
    least = min(RIGHT, RIGHT * reference.on(function))
    return mine.on(function) >= least and mine.density <= LARGER * reference.density


def first_of(rows: Sequence[Row], candidate: Candidate) -> dict[int, Row]:
    """The first repeats of a candidate, by network."""
    return {row.seed: row for row in rows if row.candidate == candidate and row.repeat == 0}


def equal_on(rows: Sequence[Row], candidate: Candidate) -> dict[int, bool]:
    """Whether a candidate's masks are of equal quality, by network."""
    reference = first_of(rows, REFERENCE)
    return {
        seed: all(is_equal(row.masks[name], reference[seed].masks[name], name) for name in FUNCTIONS)
        for seed, row in first_of(rows, candidate).items()
        if seed in reference
    }


def seconds(costs: Mapping[str, float], candidate: Candidate) -> float:
    """The processor's seconds of a search for one mask, by those of a step."""
    return candidate.steps * costs[step_name(candidate)]


def step_name(candidate: Candidate) -> str:
    """The name of a kind of step: all searches of an estimator with as many samples have the same."""
    return f"{candidate.spec.estimator}, S = {candidate.samples}"


def may_change_the_preset(costs: Mapping[str, float], candidate: Candidate) -> bool:
    """Whether a candidate takes so little time that the preset would take it, if it were of equal quality."""
    return seconds(costs, candidate) <= FASTER * seconds(costs, REFERENCE)


def first_equal_everywhere(
    by_time: Sequence[Candidate], seeds: Sequence[int], is_equal_on: Callable[[Candidate, int], bool]
) -> Candidate:
    """The winner: candidates are tried in the order of their time, each on one network after the other until it fails."""
    return next((one for one in by_time if all(is_equal_on(one, seed) for seed in seeds)), REFERENCE)


def verdict(ratio: float, less_alike: float, full_masks_equal: bool) -> str:
    """Whether the preset takes the winner, and why not."""
    against = []
    if ratio > FASTER:
        against.append(f"it takes {ratio:.2f} of the reference's time, and at most {FASTER} was asked for")
    if less_alike > LESS_ALIKE:
        against.append(f"two of its masks are less alike by {less_alike:.3f} of Dice, and at most {LESS_ALIKE} was allowed")
    if not full_masks_equal:
        against.append("its full masks are not of equal quality")
    return f"The preset stays as it is: {'; '.join(against)}." if against else "The preset takes the winner."
