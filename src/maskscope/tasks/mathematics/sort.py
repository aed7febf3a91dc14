"""Lists of numbers to sort: only integers, or integers, decimals and fractions."""

from functools import cache
from math import gcd, lcm
from typing import NamedTuple

from maskscope.tasks.mathematics.chance import UNIT, Chance, Decimals, widest, written
from maskscope.tasks.mathematics.questions import Question

_RISING = (
    "Sort {}.",
    "Sort {}.",
    "Sort {} in ascending order.",
    "Sort {} in increasing order.",
    "Put {} in ascending order.",
    "Put {} in increasing order.",
)
_FALLING = (
    "Sort {} in descending order.",
    "Sort {} in decreasing order.",
    "Put {} in descending order.",
    "Put {} in decreasing order.",
)
_FEWEST, _MOST = 3, 7


class _Number(NamedTuple):
    numerator: int
    denominator: int
    text: str


def draw(chance: Chance, entropy: int) -> Question:
    """A list of three to seven numbers; the greater the entropy, the longer the list may be."""
    return _asked(chance, entropy, _FEWEST + chance.below(min(_MOST, _FEWEST + entropy // (2 * UNIT)) - _FEWEST + 1), True)


def draw_more(chance: Chance, entropy: int) -> Question:
    """A list of nine integers, sometimes ten."""
    return _asked(chance, entropy, 9 + (chance.below(8) == 0), False)


def _asked(chance: Chance, entropy: int, count: int, mixed: bool) -> Question:
    shares = chance.shares(entropy, count)
    mixed = mixed and chance.fraction() < 0.5
    numbers: list[_Number] = []
    while len(numbers) < count:
        share = shares[len(numbers)]
        number = _mixed(chance, share) if mixed else _decimal(Decimals(chance.integer(share), 0))
        if all(number.numerator * other.denominator != other.numerator * number.denominator for other in numbers):
            numbers.append(number)
    falling = chance.fraction() < 0.5
    form = chance.pick(_FALLING if falling else _RISING)
    common = lcm(*(number.denominator for number in numbers))
    order = sorted(numbers, key=lambda number: number.numerator * (common // number.denominator), reverse=falling)
    return Question(form.format(_listed(numbers)), _listed(order))


def _listed(numbers: list[_Number]) -> str:
    return ", ".join(number.text for number in numbers)


def _mixed(chance: Chance, entropy: int) -> _Number:
    kind = chance.below(4)
    if kind == 0:
        return _fraction(chance, max(entropy, UNIT))
    return _decimal(chance.decimal(entropy) if kind == 1 else Decimals(chance.integer(entropy), 0))


def _decimal(number: Decimals) -> _Number:
    return _Number(number.numerator, 10**number.places, written(number))


def _fraction(chance: Chance, entropy: int) -> _Number:
    """A fraction in lowest terms; the range of denominators is wider if few numbers are coprime to the numerator."""
    above = chance.below(entropy + 1)
    numerator = 1 + chance.below(widest(above) + (above < UNIT))
    range_ = 2 * widest(entropy - above) + 2
    widest_denominator = range_ if numerator == 1 else range_ * numerator // _coprime(numerator) + 2
    while gcd(numerator, denominator := 2 + chance.below(widest_denominator - 1)) != 1:
        pass
    if chance.fraction() < 0.5:
        numerator = -numerator
    return _Number(numerator, denominator, f"{numerator}/{denominator}")


@cache
def _coprime(number: int) -> int:
    """How many of the numbers up to this one are coprime to it (Euler's totient)."""
    count, rest, factor = number, number, 2
    while factor * factor <= rest:
        if rest % factor == 0:
            count -= count // factor
            while rest % factor == 0:
                rest //= factor
        factor += 1
    return count - count // rest if rest > 1 else count
