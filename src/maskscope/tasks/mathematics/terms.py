"""Polynomials with integer coefficients: how they are written, and how a number is written as a sum."""

from collections.abc import Iterable, Sequence

from maskscope.tasks.mathematics.chance import UNIT, Chance

# the exponents of all variables, in the order of the variables; with one variable, (exponent,)
Monomial = tuple[int, ...]
# the range of the numbers of a sum of two, three, ... numbers, in hundredths of their entropy
_WIDTH = (130, 70, 48, 38, 32, 28, 25)
_NARROWEST, _WIDEST = 50, 150


def written_term(coefficient: int, names: Sequence[str], powers: Monomial) -> str:
    """A coefficient and powers, as in ``-3*x**2*y``; a coefficient of one is left out."""
    factors = [name if power == 1 else f"{name}**{power}" for name, power in zip(names, powers, strict=True) if power]
    if not factors:
        return str(coefficient)
    if abs(coefficient) == 1:
        return ("-" if coefficient < 0 else "") + "*".join(factors)
    return "*".join((str(coefficient), *factors))


def written_sum(terms: Iterable[str]) -> str:
    """A sum of terms, as in ``-x + 2 - y``; without terms, ``0``."""
    text = " + ".join(terms).replace("+ -", "- ")
    return text or "0"


def written_polynomial(polynomial: dict[Monomial, int], names: Sequence[str]) -> str:
    """A polynomial with its terms by decreasing exponents, those of the first variable first.

    If it is a positive number minus one term in one variable, the number is written first: ``1 - 2*x``.
    """
    powers = sorted((key for key, value in polynomial.items() if value), reverse=True)
    one_and_number = len(powers) == 2 and not any(powers[1]) and sum(map(bool, powers[0])) == 1
    if one_and_number and polynomial[powers[0]] < 0 < polynomial[powers[1]]:
        powers.reverse()
    return written_sum(written_term(polynomial[key], names, key) for key in powers)


def summands(chance: Chance, value: int, count: int, entropy: int) -> list[int]:
    """Random integers that add up to a value.

    First the value is cut into parts at random. Then one random number is added to all parts but one, and subtracted from that
    one as often; for three or more integers, small random differences are added and subtracted in the same way.

    Args:
        chance: the stream of choices.
        value: the sum.
        count: how many integers.
        entropy: the entropy of all of them together.
    """
    if count == 1:
        return [value]
    size = abs(value)
    cuts = sorted(chance.below(size + 1) for _ in range(count - 1))
    parts = [after - before for before, after in zip((0, *cuts), (*cuts, size), strict=True)]
    if value < 0:
        parts = [-part for part in parts]
    spread = entropy * _WIDTH[min(count, len(_WIDTH) + 1) - 2] * (_NARROWEST + chance.below(_WIDEST - _NARROWEST + 1)) // 10_000
    added = chance.integer(spread)
    fine = chance.below(max(spread, UNIT) + 1)
    for place in range(count - 1):
        more = added + (chance.integer(fine) if count > 2 else 0)
        parts[place] += more
        parts[-1] -= more
    chance.shuffle(parts)
    return parts
