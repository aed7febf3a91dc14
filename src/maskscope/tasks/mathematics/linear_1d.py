"""Linear equations in one unknown with an integer solution."""

from maskscope.tasks.mathematics.chance import UNIT, Chance
from maskscope.tasks.mathematics.questions import Question
from maskscope.tasks.mathematics.terms import summands, written_sum, written_term

# if the solution is 0: how often, in hundredths, the constants are replaced by more multiples of the unknown
_HOMOGENEOUS = 63


def draw(chance: Chance, entropy: int) -> Question:
    """An equation ``a*x + b = 0`` whose terms are split into several and put on either side.

    A quarter of the entropy is used for the solution; of the rest, a third to two thirds is used for the coefficient.
    """
    solution = chance.integer(entropy // 4)
    rest = entropy - entropy // 4
    count = 3 + chance.below(max(1, rest // (2 * UNIT)))
    for_coefficient = rest // 3 + chance.below(rest // 3 + 1)
    coefficient = chance.nonzero(for_coefficient)
    constant = -coefficient * solution
    multiples = 1 + chance.below(count - 1)
    constants = count - multiples
    if not constant and (constants == 1 or chance.below(100) < _HOMOGENEOUS):
        multiples, constants = (multiples, 0) if constants == 1 else (count, 0)
    shares = chance.shares(rest - for_coefficient, max(1, multiples - 1 + max(0, constants - 1)))
    split = [(1, value) for value in summands(chance, coefficient, multiples, sum(shares[: multiples - 1]))]
    if constants:
        split += [(0, value) for value in summands(chance, constant, constants, sum(shares[multiples - 1 :]))]
    name, left, right = chance.variables(1), list[str](), list[str]()
    for power, value in split:
        if chance.fraction() < 0.5:
            left.append(written_term(value, name, (power,)))
        else:
            right.append(written_term(-value, name, (power,)))
    return Question(f"Solve {written_sum(left)} = {written_sum(right)} for {name[0]}.", str(solution))
