"""Random numbers of a given entropy. Entropy is the logarithm to base ten of how many values a number can take.

Entropies are integers: numbers of 1/``UNIT`` of a digit. Ranges of values are computed in integer and decimal arithmetic, because
floating-point powers can differ in the last bit between machines, and the questions would differ too.
"""

import random
from collections.abc import Sequence
from decimal import ROUND_CEILING, Context, Decimal
from functools import cache
from typing import NamedTuple, TypeVar

UNIT = 256
_T = TypeVar("_T")
_CONTEXT = Context(prec=50)
_VARIABLES = "abcdfghijklmnopqrstuvwxyz"
# up to this count, a random fraction of 53 bits times the count chooses evenly enough
_EVEN = 1 << 40


class Decimals(NamedTuple):
    """A number with a finite decimal expansion: ``numerator`` / 10 ** ``places``."""

    numerator: int
    places: int


@cache
def widest(entropy: int) -> int:
    """The largest absolute value of an integer of this entropy: half of 10 ** entropy, rounded up."""
    values = _CONTEXT.power(Decimal(10), _CONTEXT.divide(Decimal(entropy), Decimal(UNIT)))
    return int(_CONTEXT.divide(values, Decimal(2)).to_integral_value(ROUND_CEILING))


class Chance:
    """A stream of random choices from a seed, the same on every platform.

    Args:
        seed: any text.
    """

    def __init__(self, seed: str) -> None:
        source = random.Random(seed)
        self.fraction = source.random
        self._bits = source.getrandbits

    def below(self, count: int) -> int:
        """A number from 0 to ``count`` - 1."""
        if count < _EVEN:
            return int(self.fraction() * count)
        return self._bits(count.bit_length() + 64) % count

    def pick(self, choices: Sequence[_T]) -> _T:
        """A random one of the choices."""
        return choices[int(self.fraction() * len(choices))]

    def shuffle(self, items: list[_T]) -> None:
        """Puts a list in random order."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def variables(self, count: int) -> list[str]:
        """Different random names of variables, in alphabetical order; never ``e``."""
        names = list(_VARIABLES)
        return sorted(names.pop(self.below(len(names))) for _ in range(count))

    def integer(self, entropy: int) -> int:
        """A random integer of either sign; an entropy below one digit counts as one digit."""
        bound = widest(max(entropy, UNIT))
        return self.below(2 * bound + 1) - bound

    def nonzero(self, entropy: int) -> int:
        """A random integer of either sign that is not zero."""
        bound = widest(max(entropy, UNIT))
        size = 1 + self.below(bound)
        return size if self.fraction() < 0.5 else -size

    def decimal(self, entropy: int) -> Decimals:
        """A random number that is not an integer, with the digits of ``integer`` and a decimal point at a random position."""
        places = 1 + self.below(max(1, -(-entropy // UNIT)))
        while True:
            numerator = self.integer(entropy)
            if numerator % 10:
                return Decimals(numerator, places)

    def shares(self, entropy: int, count: int) -> list[int]:
        """Divides an entropy among ``count`` numbers at random: cuts it at uniformly drawn positions."""
        cuts = sorted(self.below(entropy + 1) for _ in range(count - 1))
        return [after - before for before, after in zip((0, *cuts), (*cuts, entropy), strict=True)]

    def number(self, entropy: int) -> Decimals:
        """A random number: with probability 1/2 an integer, else a decimal."""
        return Decimals(self.integer(entropy), 0) if self.fraction() < 0.5 else self.decimal(entropy)


def written(number: Decimals) -> str:
    """A number in decimal digits, without zeros at the end of its decimal part."""
    numerator, places = number
    if not places:
        return str(numerator)
    digits = str(abs(numerator)).zfill(places + 1)
    after = digits[-places:].rstrip("0")
    sign = "-" if numerator < 0 else ""
    return f"{sign}{digits[:-places]}.{after}" if after else f"{sign}{digits[:-places]}"
