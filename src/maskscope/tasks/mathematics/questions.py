"""Questions, the names of modules and levels, and the limits that apply to all of them.

Source: Saxton, Grefenstette, Hill and Kohli, "Analysing Mathematical Reasoning Abilities of Neural Models", ICLR 2019.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from maskscope.errors import ConfigError

MODULES = {
    "add_or_sub": "arithmetic__add_or_sub",
    "linear_1d": "algebra__linear_1d",
    "differentiate": "calculus__differentiate",
    "sort": "comparison__sort",
    "collect": "polynomials__collect",
}
EXTRAPOLATIONS = {"add_or_sub": "arithmetic__add_or_sub_big", "sort": "comparison__sort_more"}
LEVELS = ("easy", "medium", "hard")
INTERPOLATE = "interpolate"
EXTRAPOLATE = "extrapolate"
LONGEST_QUESTION = 160
LONGEST_ANSWER = 30
ALPHABET = " *+,-./0123456789=?ACDFPSTWabcdefghijklmnopqrstuvwxyz"


class Question(NamedTuple):
    """A question and its only right answer, both as text."""

    question: str
    answer: str


@dataclass(frozen=True)
class Questions:
    """Training and test questions of one module; no question occurs twice.

    Args:
        module: its short name.
        train: the questions of each level of ``LEVELS``.
        test: the questions of each level of ``LEVELS``, and of ``interpolate``.
    """

    module: str
    train: Mapping[str, tuple[Question, ...]]
    test: Mapping[str, tuple[Question, ...]]


def digest_of(questions: Questions) -> str:
    """SHA-256 over the module, the names of the parts, and all questions and answers in order."""
    content = hashlib.sha256(f"{questions.module}\n".encode())
    for name, part in (("train", questions.train), ("test", questions.test)):
        for level in sorted(part):
            content.update(f"{name} {level} {len(part[level])}\n".encode())
            content.update("".join(f"{item.question}\n{item.answer}\n" for item in part[level]).encode())
    return content.hexdigest()


def divide(items: Sequence[Question], test_items: int, seed: int) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """Divides questions at random into training and test, and returns both, each in its original order.

    Raises:
        ConfigError: ``test_items`` is negative, or larger than the number of questions.
    """
    if not 0 <= test_items <= len(items):
        raise ConfigError(
            f"{test_items} of {len(items)} questions cannot become the test. Ask for a number from 0 to {len(items)}."
        )
    chosen = set(np.random.RandomState(seed).choice(len(items), test_items, replace=False).tolist())
    return (
        tuple(item for place, item in enumerate(items) if place not in chosen),
        tuple(item for place, item in enumerate(items) if place in chosen),
    )
