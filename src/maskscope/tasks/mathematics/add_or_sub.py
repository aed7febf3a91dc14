"""Sums and differences of two numbers, in words or in signs."""

from maskscope.tasks.mathematics.chance import UNIT, Chance, Decimals, written
from maskscope.tasks.mathematics.questions import Question

_SUMS = (
    "{0} + {1}",
    "{0}+{1}",
    "Work out {0} + {1}.",
    "Calculate {0} + {1}.",
    "What is {0} + {1}?",
    "What is {0} plus {1}?",
    "Add {0} and {1}.",
    "Add together {0} and {1}.",
    "Put together {0} and {1}.",
    "Sum {0} and {1}.",
    "Total of {0} and {1}.",
)
_DIFFERENCES = (
    "{0} - {1}",
    "Work out {0} - {1}.",
    "Calculate {0} - {1}.",
    "What is {0} - {1}?",
    "What is {0} minus {1}?",
    "What is {0} take away {1}?",
    "Subtract {1} from {0}.",
    "What is {1} less than {0}?",
)
# only for differences that are not negative: these sentences do not say which number is subtracted
_DISTANCES = (
    "What is the difference between {0} and {1}?",
    "What is the difference between {1} and {0}?",
    "What is the distance between {0} and {1}?",
    "What is the distance between {1} and {0}?",
)
_FALLING = _DIFFERENCES + _DISTANCES


def draw(chance: Chance, entropy: int) -> Question:
    """A question about two numbers, between which the entropy is divided."""
    first = max(UNIT, chance.below(entropy + 1))
    left, right = chance.number(first), chance.number(entropy - first)
    places = max(left.places, right.places)
    a = left.numerator * 10 ** (places - left.places)
    b = right.numerator * 10 ** (places - right.places)
    if chance.fraction() < 0.5:
        form, result = chance.pick(_SUMS), a + b
    else:
        result = a - b
        form = chance.pick(_DIFFERENCES if result < 0 else _FALLING)
    return Question(form.format(written(left), written(right)), written(Decimals(result, places)))
