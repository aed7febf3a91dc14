"""Our questions beside a sample made with the authors' generator: forms, lengths and answers, level by level.

A form is the wording, with the kind of expression: how many numbers, terms or variables. Measured with 20,000 of ours a level
(docs/mathematics.md), mean lengths differ by up to 0.16 of the sample's standard deviation, standard deviations by up to 11 %,
the share of a form by up to 3 points, both most in differentiate and collect; what differs more there is a level with a small
sample. Allowed is what was measured, and the sampling error of fewer questions.
"""

import re
import statistics
from collections import Counter
from functools import cache

import pytest
from scipy.stats import ks_2samp

from maskscope.tasks.mathematics import LEVELS, MODULES, generate
from tests.mathematics_sample import sample

EVERY = [*((module, level) for module in MODULES for level in (*LEVELS, "interpolate")), ("add_or_sub", "extrapolate")]
COUNT = 600
# an honest difference in mean length, in standard deviations of the sample; and in the share of a form
LENGTH = {"add_or_sub": 0.03, "sort": 0.05, "linear_1d": 0.09, "differentiate": 0.17, "collect": 0.12}
SHARE = {"add_or_sub": 0.0, "sort": 0.005, "linear_1d": 0.005, "differentiate": 0.01, "collect": 0.035}
# five standard errors: a check that is made some hundred times and should never fail by chance
ERRORS = 5
NUMBER = r"\d+(?:\.\d+)?(?:/\d+)?"


@cache
def ours(module, level):
    return generate(module, level, COUNT, seed=5)


def terms(text):
    return len(re.split(r" [+-] ", text))


def form(module, question):
    """The wording, and how many numbers or terms there are."""
    if module == "add_or_sub":
        return re.sub(rf"-?{NUMBER}", "N", question)
    if module == "sort":
        numbers = re.findall(NUMBER, question)
        kinds = "".join(kind for kind, mark in (("fractions", "/"), ("decimals", ".")) if any(mark in n for n in numbers))
        return re.sub(rf"-?{NUMBER}(?:, -?{NUMBER})*", f"{len(numbers)} {kinds}", question)
    if module == "linear_1d":
        left, right, name = re.fullmatch(r"Solve (.*) = (.*) for (.)\.", question).groups()
        return tuple((side.count(name), terms(side) - side.count(name), side == "0") for side in (left, right))
    if module == "differentiate":
        before, after = re.fullmatch(
            r"(Differentiate |.* of )(?:.*?)((?: wrt| with respect to)?)(?: [a-z])?[.?]", question
        ).groups()
        return before, after, len(set(re.findall(r"\b[a-z]\b", question)))
    text = question.removeprefix("Collect the terms in ").rstrip(".")
    powers = {re.sub(r"^-?\d*\*?", "", term) for term in re.split(r" [+-] ", text)}
    return terms(text), len(powers)


def shares(module, items):
    return {key: count / len(items) for key, count in Counter(form(module, item.question) for item in items).items()}


@pytest.mark.parametrize(("module", "level"), EVERY)
def test_the_same_forms_are_as_frequent(module, level):
    theirs, found = shares(module, sample(module, level)), shares(module, ours(module, level))
    for key in {key for part in (theirs, found) for key, share in part.items() if share > 0.02}:
        a, b = theirs.get(key, 0.0), found.get(key, 0.0)
        error = (max(a, b) * (1 / len(sample(module, level)) + 1 / COUNT)) ** 0.5
        assert abs(a - b) <= ERRORS * error + SHARE[module], f"{key}: {a:.3f} of the authors', {b:.3f} of ours"


@pytest.mark.parametrize("place", [0, 1], ids=["question", "answer"])
@pytest.mark.parametrize(("module", "level"), EVERY)
def test_lengths_are_as_great_and_as_spread(module, level, place):
    theirs, found = ([len(item[place]) for item in items] for items in (sample(module, level), ours(module, level)))
    spread = statistics.stdev(theirs)
    error = (1 / len(theirs) + 1 / COUNT) ** 0.5
    assert abs(statistics.mean(found) - statistics.mean(theirs)) / spread <= ERRORS * error + LENGTH[module]
    assert statistics.stdev(found) / spread == pytest.approx(1.0, abs=0.12 + ERRORS * error / 2**0.5)


@pytest.mark.parametrize(("module", "level"), EVERY)
def test_as_many_answers_begin_with_a_minus_sign(module, level):
    theirs, found = (
        sum(item.answer[0] == "-" for item in items) / len(items) for items in (sample(module, level), ours(module, level))
    )
    error = (0.25 * (1 / len(sample(module, level)) + 1 / COUNT)) ** 0.5
    assert abs(theirs - found) <= ERRORS * error


@pytest.mark.parametrize("level", [*LEVELS, "interpolate"])
def test_solutions_are_as_great(level):
    theirs, found = ([abs(int(item.answer)) for item in part("linear_1d", level)] for part in (sample, ours))
    # the greatest difference of two distribution functions; it exceeds this by chance once in ten thousand times
    assert ks_2samp(theirs, found).statistic <= 2.23 * (1 / len(theirs) + 1 / COUNT) ** 0.5
    assert max(found) <= max(theirs) * 1.1 + 1
