"""Numbers drawn by entropy: the logarithm to base ten of how many values a number can take.

Entropies are integers, in ``UNIT``\\ ths of a digit, and the widest values come from integer and decimal arithmetic: the power
function of the processor's library may differ in the last bit, and so would the questions.
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
# what one product of a 53-bit fraction and a count can still choose evenly
_EVEN = 1 << 40


class Decimals(NamedTuple):
    """A number with a finite decimal expansion: ``numerator`` / 10 ** ``places``."""

    numerator: int
    places: int


@cache
def widest(entropy: int) -> int:
    """The bound of integers of both signs: half of 10 ** entropy, rounded up."""
    values = _CONTEXT.power(Decimal(10), _CONTEXT.divide(Decimal(entropy), Decimal(UNIT)))
    return int(_CONTEXT.divide(values, Decimal(2)).to_integral_value(ROUND_CEILING))


class Chance:
    """A stream of choices from a seed, the same on every platform.

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
        """One of some things."""
        return choices[int(self.fraction() * len(choices))]

    def shuffle(self, items: list[_T]) -> None:
        """Puts a list in random order."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def variables(self, count: int) -> list[str]:
        """Different names of variables, in alphabetical order; the base of the natural logarithm is none."""
        names = list(_VARIABLES)
        return sorted(names.pop(self.below(len(names))) for _ in range(count))

    def integer(self, entropy: int) -> int:
        """An integer of either sign; entropies of less than a digit count as one."""
        bound = widest(max(entropy, UNIT))
        return self.below(2 * bound + 1) - bound

    def nonzero(self, entropy: int) -> int:
        """An integer of either sign, but zero."""
        bound = widest(max(entropy, UNIT))
        size = 1 + self.below(bound)
        return size if self.fraction() < 0.5 else -size

    def decimal(self, entropy: int) -> Decimals:
        """A number that is no integer, of as many digits as ``integer``; the point stands anywhere before or among them."""
        places = 1 + self.below(max(1, -(-entropy // UNIT)))
        while True:
            numerator = self.integer(entropy)
            if numerator % 10:
                return Decimals(numerator, places)

    def shares(self, entropy: int, count: int) -> list[int]:
        """An entropy divided among some numbers, every division as likely as any other."""
        cuts = sorted(self.below(entropy + 1) for _ in range(count - 1))
        return [after - before for before, after in zip((0, *cuts), (*cuts, entropy), strict=True)]

    def number(self, entropy: int) -> Decimals:
        """An integer or no integer, with even chances."""
        return Decimals(self.integer(entropy), 0) if self.fraction() < 0.5 else self.decimal(entropy)


def written(number: Decimals) -> str:
    """A number in digits, with no zeros at the end that say nothing."""
    numerator, places = number
    if not places:
        return str(numerator)
    digits = str(abs(numerator)).zfill(places + 1)
    after = digits[-places:].rstrip("0")
    sign = "-" if numerator < 0 else ""
    return f"{sign}{digits[:-places]}.{after}" if after else f"{sign}{digits[:-places]}"
