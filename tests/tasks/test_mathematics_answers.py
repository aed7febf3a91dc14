"""Every answer, found a second time from the text of its question; the same check on a sample made with the authors' generator.

An independent reader takes the question apart: exact fractions for numbers, sympy for polynomials and equations. That it accepts
the authors' questions, and refuses answers that were altered, is what makes it a check of ours.
"""

import re
from fractions import Fraction
from itertools import pairwise

import pytest
import sympy

from maskscope.tasks.mathematics import (
    ALPHABET,
    EXTRAPOLATIONS,
    LEVELS,
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    MODULES,
    Question,
    generate,
)
from tests.mathematics_sample import sample

EVERY = [(module, level) for module in MODULES for level in (*LEVELS, "interpolate")]
BEYOND = [(module, "extrapolate") for module in EXTRAPOLATIONS]
# sympy takes milliseconds a question, exact fractions take microseconds
CHECKED = {"add_or_sub": 600, "sort": 400, "linear_1d": 25, "differentiate": 20, "collect": 25}

NUMBER = r"(-?\d+(?:\.\d+)?)"
ASKED = "(?:Work out |Calculate |What is )?"
SUMS = rf"{ASKED}{NUMBER}(?: ?\+ ?| plus ){NUMBER}|(?:Add|Add together|Put together|Sum|Total of) {NUMBER} and {NUMBER}"
DIFFERENCES = rf"{ASKED}{NUMBER}(?: - | minus | take away ){NUMBER}"
TURNED = rf"(?:Subtract {NUMBER} from|What is {NUMBER} less than) {NUMBER}"
DISTANCES = rf"What is the (?:difference|distance) between {NUMBER} and {NUMBER}"
DERIVED = r"(?:Differentiate|(?:Find|What is) the (?:(first|second|third) )?derivative of)"
DERIVATIVE = DERIVED + r" (.*?)(?: (?:wrt|with respect to) ([a-z]))?[.?]"
ORDER = {"first": 1, "second": 2, "third": 3}


def decimal(number):
    """An exact number as decimal digits."""
    places = next(places for places in range(60) if (number * 10**places).denominator == 1)
    digits = str(abs(int(number * 10**places))).zfill(places + 1)
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if number < 0 else text


def add_or_sub(question):
    text = question.rstrip(".?")
    for form, rule in (
        (SUMS, lambda a, b: a + b),
        (DIFFERENCES, lambda a, b: a - b),
        (TURNED, lambda a, b: b - a),
        (DISTANCES, lambda a, b: abs(a - b)),
    ):
        if found := re.fullmatch(form, text):
            return decimal(rule(*(Fraction(number) for number in found.groups() if number is not None)))
    raise AssertionError(f"no form of a sum or difference: {question}")


def sort(question):
    _, numbers, _, falling = re.fullmatch(
        r"(Sort|Put) (.*?)( in (ascending|increasing|descending|decreasing) order)?\.", question
    ).groups()
    return ", ".join(sorted(numbers.split(", "), key=Fraction, reverse=falling in ("descending", "decreasing")))


def expression(text):
    assert re.fullmatch(r"[-+* a-z0-9]+", text), text
    return sympy.sympify(text, locals={name: sympy.Symbol(name) for name in "abcdefghijklmnopqrstuvwxyz"})


def linear_1d(question):
    left, right, name = re.fullmatch(r"Solve (.*) = (.*) for ([a-z])\.", question).groups()
    (solution,) = sympy.solve(sympy.Eq(expression(left), expression(right)), sympy.Symbol(name))
    return str(solution)


def differentiate(question):
    ordinal, text, name = re.fullmatch(DERIVATIVE, question).groups()
    polynomial = expression(text)
    by = sympy.Symbol(name) if name else next(iter(polynomial.free_symbols))
    assert name or len(polynomial.free_symbols) == 1
    return str(sympy.expand(sympy.diff(polynomial, by, ORDER[ordinal or "first"])))


def collect(question):
    return str(sympy.expand(expression(re.fullmatch(r"Collect the terms in (.*)\.", question)[1])))


ANSWER = {"add_or_sub": add_or_sub, "sort": sort, "linear_1d": linear_1d, "differentiate": differentiate, "collect": collect}


def refused(module, items):
    """The items whose answer is another one than the reader finds."""
    return [(item, found) for item in items if (found := ANSWER[module](item.question)) != item.answer]


@pytest.mark.parametrize(("module", "level"), [*EVERY, *BEYOND])
def test_every_answer_is_right_and_fits(module, level):
    count = min(CHECKED[module], 60) if level == "extrapolate" else CHECKED[module]
    items = generate(module, level, count, seed=3)
    assert not refused(module, items)
    assert len({item.question for item in items}) == count
    assert max(len(item.question) for item in items) <= LONGEST_QUESTION
    assert max(len(item.answer) for item in items) <= LONGEST_ANSWER
    assert set("".join(map("".join, items))) <= set(ALPHABET)


@pytest.mark.parametrize(("module", "level"), [*EVERY, *BEYOND])
def test_the_reader_accepts_the_authors_questions(module, level):
    items = sample(module, level)
    assert not refused(module, items[:: max(1, len(items) // CHECKED[module])][: CHECKED[module]])
    assert set("".join(map("".join, items))) <= set(ALPHABET)


@pytest.mark.parametrize("module", MODULES)
def test_the_reader_refuses_the_answer_of_another_question(module):
    items = generate(module, "hard", 20, seed=1)
    altered = [Question(item.question, other.answer) for item, other in pairwise(items)]
    assert len(refused(module, altered)) >= len(altered) - 1


def test_the_alphabet_is_that_of_all_questions():
    items = [item for module, level in EVERY for item in generate(module, level, 60, seed=2)]
    assert "".join(sorted(set("".join(map("".join, items))))) == ALPHABET
