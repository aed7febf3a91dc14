"""What is promised of the generated questions: the same from a seed, none twice, and what is asked for or an error."""

from dataclasses import replace

import pytest

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.tasks.mathematics import LEVELS, MODULES, Question, digest_of, generate, generate_questions
from maskscope.tasks.mathematics.chance import UNIT, Chance, Decimals, widest, written
from maskscope.tasks.mathematics.terms import summands, written_polynomial

# SHA-256 of thirty questions of each level to learn from, ten to be judged by, from seed 1: other questions are another data set
GOLDEN = {
    "add_or_sub": "61e2dccce92c4e35f40357c715ac60fd49a692844bd0a3de7aeeffee414e5327",
    "linear_1d": "54d97eb8fbbf820cd2606fc8625da0b45b5c84024089da66d9f6ede2104140c4",
    "differentiate": "e06c402a8bd3e324c6ded419fa5e29f8d52168291e394f7be842940b0d2079c1",
    "sort": "cf37921a3b1230539a6662a020f44d4ed05531fed52275526f19caa8700f33ef",
    "collect": "92520ef4a76e903ac2cd9f0932c6a71a95a816e42b7b5bd91f45efd2c4ea3d44",
}


def every(questions):
    return [item for part in (questions.train, questions.test) for items in part.values() for item in items]


@pytest.mark.parametrize("module", MODULES)
def test_the_questions_of_a_seed_never_change(module):
    assert digest_of(generate_questions(module, 30, 10, seed=1)) == GOLDEN[module]


@pytest.mark.parametrize("module", MODULES)
def test_no_question_stands_twice_in_any_part(module):
    questions = generate_questions(module, 150, 50, seed=0)
    assert {level: len(items) for level, items in questions.train.items()} == dict.fromkeys(LEVELS, 150)
    assert {level: len(items) for level, items in questions.test.items()} == dict.fromkeys((*LEVELS, "interpolate"), 50)
    assert len({item.question for item in every(questions)}) == len(every(questions)) == 650


def test_another_seed_gives_other_questions():
    one, same, other = (generate("sort", "hard", 50, seed) for seed in (1, 1, 2))
    assert one == same != other
    assert generate("sort", "hard", 20, 1) == one[:20]
    assert digest_of(generate_questions("sort", 5, 2, 1)) != digest_of(generate_questions("sort", 5, 2, 2))
    assert generate_questions("sort", 5, 2, -1) != generate_questions("sort", 5, 2, 2**40)


def test_the_digest_sees_every_part():
    questions = generate_questions("sort", 5, 2, seed=1)
    easy, hard = questions.train["easy"], questions.train["hard"]
    changed = [
        replace(questions, module="collect"),
        replace(questions, train={**questions.train, "easy": hard, "hard": easy}),
        replace(questions, train={**questions.train, "easy": easy[::-1]}),
        replace(questions, train={**questions.train, "easy": (*easy[:-1], Question(easy[-1].question, "0"))}),
        replace(questions, train=questions.test, test=questions.train),
    ]
    assert len({digest_of(value) for value in (questions, *changed)}) == 6
    again = replace(questions, train=dict(reversed(questions.train.items())))
    assert digest_of(again) == digest_of(questions)


def test_questions_apart_from_others():
    first = {item.question for item in generate("linear_1d", "easy", 300, seed=1)}
    second = {item.question for item in generate("linear_1d", "easy", 300, seed=1, apart_from=first)}
    assert len(second) == 300
    assert not first & second


def test_more_questions_than_there_are_is_an_error():
    class Everything:
        def __contains__(self, item):
            return True

    with pytest.raises(ConfigError, match="1 different questions of add_or_sub, level easy, .* only 0 were found.*Ask for fewer"):
        generate("add_or_sub", "easy", 1, seed=0, apart_from=Everything())
    with pytest.raises(ConfigError, match="-1 questions were asked for"):
        generate("sort", "easy", -1, seed=0)
    with pytest.raises(ConfigError, match="10 of 5 questions cannot become the test"):
        generate_questions("sort", -5, 10, seed=0)


def test_there_is_no_other_module_or_level():
    with pytest.raises(UnknownNameError, match="no module of the Mathematics Dataset 'solve'.*Known: add_or_sub, collect"):
        generate("solve", "easy", 1, seed=0)
    with pytest.raises(UnknownNameError, match="no level of collect 'extrapolate'.*Known: easy, hard, interpolate, medium"):
        generate("collect", "extrapolate", 1, seed=0)
    with pytest.raises(UnknownNameError, match="no module of the Mathematics Dataset 'arithmetic__add_or_sub'"):
        generate_questions("arithmetic__add_or_sub", 1, 1, seed=0)


def test_a_harder_level_has_more_digits():
    digits = [sum(sum(map(str.isdigit, item.question)) for item in generate("add_or_sub", level, 300, 0)) for level in LEVELS]
    assert digits == sorted(digits)


@pytest.mark.parametrize(("entropy", "bound"), [(0, 1), (UNIT, 5), (4 * UNIT, 5_000), (20 * UNIT, 5 * 10**19), (UNIT // 2, 2)])
def test_an_integer_takes_ten_to_the_entropy_values(entropy, bound):
    assert widest(entropy) == bound


def test_a_wide_choice_is_even():
    chance, count = Chance("even"), 3 << 60
    drawn = [chance.below(count) for _ in range(3_000)]
    assert all(0 <= number < count for number in drawn)
    thirds = [sum(number * 3 // count == third for number in drawn) for third in range(3)]
    # five standard deviations of a binomial count
    assert all(abs(third - 1_000) < 5 * (3_000 * 2 / 9) ** 0.5 for third in thirds)
    assert abs(sum(number % 2 for number in drawn) - 1_500) < 5 * (3_000 / 4) ** 0.5


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ((5, 0), "5"),
        ((-5, 1), "-0.5"),
        ((120, 2), "1.2"),
        ((-12345, 3), "-12.345"),
        ((100, 2), "1"),
        ((0, 3), "0"),
        ((7, 3), "0.007"),
    ],
)
def test_a_number_is_written_in_its_shortest_digits(number, text):
    assert written(Decimals(*number)) == text


@pytest.mark.parametrize(
    ("polynomial", "text"),
    [
        ({(0,): 1, (1,): -2}, "1 - 2*x"),
        ({(0,): -1, (1,): -2}, "-2*x - 1"),
        ({(0,): 4, (1,): -1, (2,): 1}, "x**2 - x + 4"),
        ({(3,): -1, (0,): 4}, "4 - x**3"),
        ({(0,): 0}, "0"),
    ],
)
def test_a_polynomial_is_written_as_published(polynomial, text):
    assert written_polynomial(polynomial, ["x"]) == text
    assert written_polynomial({(1, 1): -2, (0, 0): 3}, ["x", "y"]) == "-2*x*y + 3"


@pytest.mark.parametrize("value", [0, 7, -1_000])
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_summands_add_up(value, count):
    chance = Chance(f"{value} {count}")
    for entropy in (0, 3 * UNIT, 9 * UNIT):
        parts = summands(chance, value, count, entropy)
        assert len(parts) == count
        assert sum(parts) == value
