"""Polynomials with integer coefficients: how they are written, and how a number is written as a sum."""

from collections.abc import Iterable, Sequence

from maskscope.tasks.mathematics.chance import UNIT, Chance

# the exponents of the variables, in the order of the variables: for a power of one variable, (exponent,)
Monomial = tuple[int, ...]
# how wide the numbers of a sum may be, for one that may vary, two, ...: hundredths of their entropy
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
    """Terms with signs, as in ``-x + 2 - y``; nothing at all is zero."""
    text = " + ".join(terms).replace("+ -", "- ")
    return text or "0"


def written_polynomial(polynomial: dict[Monomial, int], names: Sequence[str]) -> str:
    """A polynomial by falling exponents, the first variable first.

    A positive number stands before the one term that is taken from it: ``1 - 2*x``.
    """
    powers = sorted((key for key, value in polynomial.items() if value), reverse=True)
    one_and_number = len(powers) == 2 and not any(powers[1]) and sum(map(bool, powers[0])) == 1
    if one_and_number and polynomial[powers[0]] < 0 < polynomial[powers[1]]:
        powers.reverse()
    return written_sum(written_term(polynomial[key], names, key) for key in powers)


def summands(chance: Chance, value: int, count: int, entropy: int) -> list[int]:
    """Some integers that add up to a value.

    Its size is cut at random; then the same random number is added to all but one, and what was added is taken from that one; and
    small differences are spread over them in the same way.

    Args:
        chance: the stream of choices.
        value: the sum.
        count: of how many integers.
        entropy: of them all.
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
