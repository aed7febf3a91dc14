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
# cumulated hundredths. _VARIABLES: of one variable, two, ...; _EXCESS: a row for each number of variables, of a degree that
# exceeds the order of the derivative by 0 to 3
_VARIABLES = (40, 77, 96, 100)
_EXCESS = ((25, 50, 75, 100), (27, 52, 77, 100), (62, 86, 95, 100), (85, 96, 99, 100))
# cumulated hundredths of a degree of one to three in each other variable
_DEGREES = (36, 66, 100)
# the choice of one of three orders uses log10(3) of the entropy
_ORDER = UNIT * 477 // 1000


def draw(chance: Chance, entropy: int) -> Question | None:
    """A polynomial to differentiate; terms that vanish and terms that do not have equal entropy. None if a variable is unused."""
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
    """The partial derivative of an order, with respect to variable number ``by``."""
    for _ in range(order):
        polynomial = {(*key[:by], key[by] - 1, *key[by + 1 :]): value * key[by] for key, value in polynomial.items() if key[by]}
    return polynomial


def _terms(chance: Chance, variables: int, entropy: int, most: int) -> int:
    """A random number of terms. With two variables, a single term has half the probability of any other number."""
    steps = int(10 * entropy >= 47 * UNIT) + (entropy >= 6 * UNIT) + 2
    if variables == 1:
        return 1 + chance.below(min(most, steps))
    steps += 1
    if variables == 2:
        return 1 + (chance.below(2 * min(most, steps) - 1) + 1) // 2
    return min(most, 2 + chance.below(steps))


def _among(chance: Chance, up_to: tuple[int, ...]) -> int:
    """A random index, drawn from a table of cumulated hundredths."""
    drawn = chance.below(100)
    return sum(drawn >= bound for bound in up_to)
