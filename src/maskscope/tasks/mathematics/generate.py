"""Generates questions of every module and level from a seed."""

from collections.abc import Callable, Container

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.tasks.mathematics import add_or_sub, collect, differentiate, linear_1d, sort
from maskscope.tasks.mathematics.chance import UNIT, Chance
from maskscope.tasks.mathematics.questions import (
    EXTRAPOLATE,
    INTERPOLATE,
    LEVELS,
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    MODULES,
    Question,
    Questions,
    divide,
)

_Draw = Callable[[Chance, int], Question | None]
_DRAW: dict[str, _Draw] = {
    "add_or_sub": add_or_sub.draw,
    "linear_1d": linear_1d.draw,
    "differentiate": differentiate.draw,
    "sort": sort.draw,
    "collect": collect.draw,
}
_DRAW_BEYOND: dict[str, _Draw] = {"add_or_sub": add_or_sub.draw, "sort": sort.draw_more}
# ranges of the entropy, in digits: of all training levels together, of ``interpolate``, of ``extrapolate``
_ENTROPY: dict[str, dict[str, tuple[int, int]]] = {
    "add_or_sub": {"train": (4, 16), INTERPOLATE: (12, 12), EXTRAPOLATE: (16, 20)},
    "linear_1d": {"train": (3, 10), INTERPOLATE: (8, 8)},
    "differentiate": {"train": (3, 10), INTERPOLATE: (8, 8)},
    "sort": {"train": (3, 10), INTERPOLATE: (8, 8), EXTRAPOLATE: (10, 12)},
    "collect": {"train": (3, 10), INTERPOLATE: (8, 8)},
}
# a drawn question may be too long or a duplicate; draws for each question, and extra draws, before we give up
_TRIES, _MORE_TRIES = 100, 10_000


def generate(module: str, level: str, count: int, seed: int, *, apart_from: Container[str] = frozenset()) -> list[Question]:
    """Generates different questions of one level.

    Args:
        module: a short name of ``MODULES``.
        level: one of ``LEVELS``, ``interpolate``, or, where the module has it, ``extrapolate``.
        count: the number of questions.
        seed: the seed of the questions.
        apart_from: texts of questions that must not be generated.

    Raises:
        UnknownNameError: there is no such module, or it has no such level.
        ConfigError: there are hardly so many different questions, or less than none were asked for.
    """
    if module not in MODULES:
        raise UnknownNameError("module of the Mathematics Dataset", module, MODULES)
    if level not in levels_of(module):
        raise UnknownNameError(f"level of {module}", level, levels_of(module))
    if count < 0:
        raise ConfigError(f"{count} questions were asked for; a number of at least 0 was expected.")
    low, high = _bounds(module, level)
    chance, drawn = Chance(f"{module} {level} {seed}"), dict[str, Question]()
    draw = (_DRAW_BEYOND if level == EXTRAPOLATE else _DRAW)[module]
    for _ in range(_TRIES * count + _MORE_TRIES):
        if len(drawn) >= count:
            break
        item = draw(chance, low + chance.below(high - low + 1))
        if item is None or len(item.question) > LONGEST_QUESTION or len(item.answer) > LONGEST_ANSWER:
            continue
        if item.question not in apart_from:
            drawn.setdefault(item.question, item)
    if len(drawn) < count:
        raise ConfigError(
            f"{count} different questions of {module}, level {level}, were asked for, but only {len(drawn)} were found in "
            f"{_TRIES * count + _MORE_TRIES} draws. Ask for fewer."
        )
    return list(drawn.values())


def levels_of(module: str) -> tuple[str, ...]:
    """The levels that a module has."""
    return (*LEVELS, *(level for level in (INTERPOLATE, EXTRAPOLATE) if level in _ENTROPY[module]))


def _bounds(module: str, level: str) -> tuple[int, int]:
    """The least and the greatest entropy of a level: a third of the training range, or the values in `_ENTROPY`."""
    if level not in LEVELS:
        low, high = _ENTROPY[module][level]
        return low * UNIT, high * UNIT
    low, high = _ENTROPY[module]["train"]
    third, width = LEVELS.index(level), (high - low) * UNIT
    return low * UNIT + width * third // 3, low * UNIT + width * (third + 1) // 3


def generate_questions(module: str, train_items: int, test_items: int, seed: int) -> Questions:
    """Generates questions of all levels; no question occurs twice, in one level or in different ones.

    Args:
        module: a short name of ``MODULES``.
        train_items: the number of training questions of each of ``LEVELS``.
        test_items: the number of test questions of each of ``LEVELS``, and of ``interpolate``.
        seed: the seed of all questions.

    Raises:
        UnknownNameError: there is no such module.
        ConfigError: there are hardly so many different questions, or less than none were asked for.
    """
    seen, train, test = set[str](), {}, {}
    for level in (*LEVELS, INTERPOLATE):
        count = test_items + (train_items if level in LEVELS else 0)
        items = generate(module, level, count, seed, apart_from=seen)
        seen.update(item.question for item in items)
        if level in LEVELS:
            train[level], test[level] = divide(items, test_items, seed % 2**32)
        else:
            test[level] = tuple(items)
    return Questions(module, train, test)
