"""First, second and third derivatives of polynomials in one to four variables."""

from itertools import product

from maskscope.tasks.mathematics.chance import UNIT, Chance
from maskscope.tasks.mathematics.questions import Question
from maskscope.tasks.mathematics.terms import Monomial, written_polynomial

_FIRST = (
    "Differentiate {0} wrt {1}.",
    "Differentiate {0} with respect to {1}.",
    "Find the first derivative of {0} wrt {1}.",
    "What is the derivative of {0} wrt {1}?",
    "What is the first derivative of {0} wrt {1}?",
)
_FIRST_OF_ONE = (
    "Differentiate {0}.",
    "Find the first derivative of {0}.",
    "What is the derivative of {0}?",
    "What is the first derivative of {0}?",
)
_HIGHER = ("Find the {2} derivative of {0} wrt {1}.", "What is the {2} derivative of {0} wrt {1}?")
_HIGHER_OF_ONE = ("Find the {2} derivative of {0}.", "What is the {2} derivative of {0}?")
_ORDINALS = ("first", "second", "third")
# hundredths, for one variable, two, ...: how many variables; by how much the degree exceeds the order, from none to three
_VARIABLES = (40, 77, 96, 100)
_EXCESS = ((25, 50, 75, 100), (27, 52, 77, 100), (62, 86, 95, 100), (85, 96, 99, 100))
# the degree in another variable, from one to three
_DEGREES = (36, 66, 100)
# the choice among three orders takes a part of the entropy, log10(3)
_ORDER = UNIT * 477 // 1000


def draw(chance: Chance, entropy: int) -> Question | None:
    """A polynomial some of whose terms survive and some vanish; both have the same entropy. None if a variable is in no term."""
    order = 1 + chance.below(3)
    count = 1 + _among(chance, _VARIABLES)
    names = chance.variables(count)
    by = chance.below(count)
    degrees = [1 + _among(chance, _DEGREES) for _ in names]
    degrees[by] = order + _among(chance, _EXCESS[count - 1])
    grid = list(product(*(range(degree + 1) for degree in degrees)))
    polynomial: dict[Monomial, int] = {}
    for survives in (True, False):
        powers = [key for key in grid if (key[by] >= order) == survives]
        chance.shuffle(powers)
        if survives:
            powers.sort(key=lambda key: key[by] < degrees[by])
        powers = powers[: _terms(chance, count, entropy, len(powers))]
        shares = chance.shares(entropy - _ORDER, len(powers))
        polynomial |= {key: chance.nonzero(share) for key, share in zip(powers, shares, strict=True)}
    if not all(any(key[place] for key in polynomial) for place in range(count)):
        return None
    if count == 1 and chance.fraction() < 0.5:
        form = chance.pick(_FIRST_OF_ONE if order == 1 else _HIGHER_OF_ONE)
    else:
        form = chance.pick(_FIRST if order == 1 else _HIGHER)
    answer = written_polynomial(derivative(polynomial, by, order), names)
    return Question(form.format(written_polynomial(polynomial, names), names[by], _ORDINALS[order - 1]), answer)


def derivative(polynomial: dict[Monomial, int], by: int, order: int) -> dict[Monomial, int]:
    """The partial derivative of an order, by the variable at a place."""
    for _ in range(order):
        polynomial = {(*key[:by], key[by] - 1, *key[by + 1 :]): value * key[by] for key, value in polynomial.items() if key[by]}
    return polynomial


def _terms(chance: Chance, variables: int, entropy: int, most: int) -> int:
    """How many terms survive, or vanish; a single one in two variables has half the chance of any other number."""
    steps = int(10 * entropy >= 47 * UNIT) + (entropy >= 6 * UNIT) + 2
    if variables == 1:
        return 1 + chance.below(min(most, steps))
    steps += 1
    if variables == 2:
        return 1 + (chance.below(2 * min(most, steps) - 1) + 1) // 2
    return min(most, 2 + chance.below(steps))


def _among(chance: Chance, up_to: tuple[int, ...]) -> int:
    """The place in a table of cumulated hundredths."""
    drawn = chance.below(100)
    return sum(drawn >= bound for bound in up_to)
