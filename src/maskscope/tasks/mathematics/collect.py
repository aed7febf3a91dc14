"""Polynomials in one variable, of degree one to three, whose terms are to be collected."""

from maskscope.tasks.mathematics.chance import UNIT, Chance
from maskscope.tasks.mathematics.questions import Question
from maskscope.tasks.mathematics.terms import Monomial, summands, written_polynomial, written_sum, written_term

_DEGREES = (1, 2, 3)
# one row for each number of terms in the answer (1, 2, ...): the entropies, in tenths of a digit, from which on three, four, ...
# terms may be added
_EXTRA_TERMS_FROM = ((0, 33, 53, 76, 96), (23, 43, 67, 92), (35, 60, 83), (50, 75, 95))
_LEAST_EXTRA_TERMS = 2


def draw(chance: Chance, entropy: int) -> Question:
    """A sum that simplifies to one to four terms of different degrees; the terms of other degrees may cancel."""
    degree = chance.pick(_DEGREES)
    kept = [degree, *_lower(chance, degree, entropy)]
    for_split = entropy * _split_share(chance) // 1000
    for_answer = (entropy // 16 + (entropy - for_split) * 7 // 8) * (1 + len(kept)) // 2
    extra = _LEAST_EXTRA_TERMS + chance.below(
        1 + sum(for_split >= bound * UNIT // 10 for bound in _EXTRA_TERMS_FROM[len(kept) - 1])
    )
    sizes = _sizes(chance, degree, kept, extra)
    shares = chance.shares(for_answer, len(kept))
    values = {power: chance.nonzero(share) for power, share in zip(kept, shares, strict=True)}
    free = [power for power, size in sizes.items() for _ in range(size - 1)]
    split: dict[int, int] = dict.fromkeys(sizes, 0)
    for power, share in zip(free, chance.shares(for_split, len(free)), strict=True):
        split[power] += share
    name, terms = chance.variables(1), list[str]()
    for power, size in sizes.items():
        numbers = summands(chance, values.get(power, 0), size, split[power])
        terms += [written_term(number, name, (power,)) for number in numbers]
    chance.shuffle(terms)
    answer: dict[Monomial, int] = {(power,): value for power, value in values.items()}
    return Question(f"Collect the terms in {written_sum(terms)}.", written_polynomial(answer, name))


def _split_share(chance: Chance) -> int:
    """The part of the entropy that is used for the splitting, in thousandths; rarely small. Fitted to a sample of questions."""
    place = chance.below(1000)
    return 1000 - place * 10 // 18 if place < 610 else 1270 - place


def _lower(chance: Chance, degree: int, entropy: int) -> list[int]:
    """The powers below the degree that have a term in the answer; the greater the entropy, the more of them."""
    powers = list(range(degree))
    chance.shuffle(powers)
    count = 0
    # the probabilities of a second term, and then of a third, in thousandths
    tenths = entropy * 10 // UNIT
    if chance.below(1000) < 170 + (65 if degree > 1 else 48) * (tenths - 42) // 10:
        count = 1
        if chance.below(1000) < max(0, 85 * (tenths - 47) // 10):
            count = 2 + (chance.below(100) < 15)
    return powers[:count]


def _sizes(chance: Chance, degree: int, kept: list[int], extra: int) -> dict[int, int]:
    """The number of terms of each power: at least one for powers in the answer, two or more for powers that cancel."""
    counts = [0] * (degree + 1)
    for power in kept:
        counts[power] = 1
    bars = sorted(chance.below(extra + 1) for _ in range(degree))
    for power, before, after in zip(range(degree + 1), (0, *bars), (*bars, extra), strict=True):
        counts[power] += after - before
    for power in range(degree):
        if counts[power] == 1 and power not in kept:
            counts[power] = 0
            counts[chance.pick([other for other, count in enumerate(counts) if count])] += 1
    return {power: count for power, count in enumerate(counts) if count}
