"""What a question is, which modules there are, and what holds for all of them.

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
    """A question, and its one right answer, both as they are written."""

    question: str
    answer: str


@dataclass(frozen=True)
class Questions:
    """Questions of one module to learn from, and questions to be judged by; no question stands in them twice.

    Args:
        module: its short name.
        train: the questions of each level of ``LEVELS``.
        test: those of each level, and of ``interpolate``.
    """

    module: str
    train: Mapping[str, tuple[Question, ...]]
    test: Mapping[str, tuple[Question, ...]]


def digest_of(questions: Questions) -> str:
    """SHA-256 over all of it: the module, the parts, and their questions and answers in order."""
    content = hashlib.sha256(f"{questions.module}\n".encode())
    for name, part in (("train", questions.train), ("test", questions.test)):
        for level in sorted(part):
            content.update(f"{name} {level} {len(part[level])}\n".encode())
            content.update("".join(f"{item.question}\n{item.answer}\n" for item in part[level]).encode())
    return content.hexdigest()


def divide(items: Sequence[Question], test_items: int, seed: int) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """What remains to learn from, and a random part to be judged by, both in the order they came in.

    Raises:
        ConfigError: more are to be taken than there are, or less than none.
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
