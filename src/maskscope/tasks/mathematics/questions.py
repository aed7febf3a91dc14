"""What a question is, which modules there are, and what holds for all of them.

Source: Saxton, Grefenstette, Hill and Kohli, "Analysing Mathematical Reasoning Abilities of Neural Models", ICLR 2019.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

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
