"""What is tried, what one try says, and the rule by which the winner is named. The rule was fixed before the first run.

*The reference* is the preset `fast` as it is: four samples a step, 5,000 steps.

*Equal quality*: for both operations, the mask answers at least .99 of all inputs of its own operation rightly, or at least .99 of
the share that the reference answers; and it keeps at most 1.05 times as many weights as the reference.

*The winner* is the candidate of equal quality on every network that took the least seconds of the processor for all masks
together; the reference is a candidate, too. A candidate that failed on one network cannot win, and one that took more than .8 of
the reference's time cannot change the preset: neither is tried on the next. Eight samples in 5,000 steps are left out.

*The preset* takes the winner if three things hold: it took at most .8 of the reference's time; two of its masks for one function,
with other noise and other data, are as alike as two of the reference's (mean Dice at most .02 lower: smaller masks are less
repeatable); and its full masks are of equal quality, too, by the operation that is answered less well.
"""

from collections.abc import Mapping, Sequence
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
# alpha of continuous sparsification, by whose runs on another network it was proposed
_GENTLE = 3e-6


@dataclass(frozen=True)
class Candidate:
    """Settings of a search.

    Args:
        kind: the estimator.
        samples: S, the masks that are drawn in a step.
        steps: of the search; all schedules depend on it.
    """

    kind: str
    samples: int
    steps: int

    @property
    def spec(self) -> MaskSpec:
        """The settings: those of `fast` but for these; of continuous sparsification, which needs another penalty, its own."""
        if self.kind == "continuous-sparsification":
            return MaskSpec(
                steps=self.steps,
                samples_per_step=self.samples,
                learning_rate=0.05,
                beta=_GENTLE * FAST.reference_batch,
                initial_logit=0.0,
                estimator=self.kind,
                clip_norm=0.0,
                penalty_of="probabilities",
            )
        return replace(FAST, steps=self.steps, samples_per_step=self.samples, estimator=self.kind)


REFERENCE = Candidate("rao-blackwell", FAST.samples_per_step, FAST.steps)


def candidates() -> list[Candidate]:
    """Everything that is tried, the reference first, then what takes less time first."""
    drawn = [("rao-blackwell", samples, FAST.steps // part) for part in (4, 2, 1) for samples in (1, 2, 4, 8)]
    drawn.remove(("rao-blackwell", 8, FAST.steps))
    sure = [("deterministic", 1, FAST.steps // part) for part in (4, 2, 1)]
    gentle = [("continuous-sparsification", 1, steps) for steps in (500, 1_000, 2_000)]
    rest = sorted((Candidate(*one) for one in [*drawn, *sure, *gentle]), key=lambda one: (one.steps, one.samples))
    return [REFERENCE, *(one for one in rest if one != REFERENCE)]


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
        cpu_seconds: of the processor, for all masks together, on one thread.
        seconds: of the day.
    """

    candidate: Candidate
    seed: int
    repeat: int
    masks: Mapping[str, Quality]
    cpu_seconds: float
    seconds: float


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


def may_change_the_preset(rows: Sequence[Row], candidate: Candidate) -> bool:
    """Whether a candidate is worth trying on another network, by those that it was tried on."""
    mine, reference = first_of(rows, candidate), first_of(rows, REFERENCE)
    if candidate == REFERENCE:
        return True
    return all(equal_on(rows, candidate).values()) and all(
        row.cpu_seconds <= FASTER * reference[seed].cpu_seconds for seed, row in mine.items()
    )


def winner(rows: Sequence[Row], seeds: Sequence[int]) -> Candidate:
    """The fastest of equal quality on all these networks."""
    eligible = [one for one in candidates() if set(seeds) <= {seed for seed, equal in equal_on(rows, one).items() if equal}]
    return min(eligible, key=lambda one: sum(first_of(rows, one)[seed].cpu_seconds for seed in seeds))


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
