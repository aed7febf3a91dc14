"""Questions with what was answered, as values: what each network said, beside the right answer."""

from dataclasses import dataclass
from typing import Literal

Mark = Literal["right", "wrong", "missing", "superfluous"]


@dataclass(frozen=True)
class Run:
    """Adjacent tokens with the same mark, as they are shown."""

    mark: Mark
    text: str


@dataclass(frozen=True)
class Answer:
    """What one network answered.

    Args:
        who: which network, in words.
        runs: its tokens, and those that are missing.
        right: whether all of it is right, and nothing is missing.
        words: what is wrong with it.
    """

    who: str
    runs: tuple[Run, ...]
    right: bool
    words: str


@dataclass(frozen=True)
class Example:
    """A question with its right answer and what was answered.

    Args:
        question: as a text.
        seen: whether the network was trained on it, in words.
        ruler: numbers above the places of the tokens.
        right: the right answer as it is shown.
        length: of it, in words.
        answers: of every network.
    """

    question: str
    seen: str
    ruler: str
    right: str
    length: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class ExampleGroup:
    """Examples of one test.

    Args:
        title: the test.
        note: what it is.
        shown: examples that are shown.
        folded: examples that are shown when opened.
    """

    title: str
    note: tuple[str, ...]
    shown: tuple[Example, ...]
    folded: tuple[Example, ...]


@dataclass(frozen=True)
class Examples:
    """All examples of a section.

    Args:
        groups: by test.
        legend: short forms, each with the token that it stands for.
    """

    groups: tuple[ExampleGroup, ...]
    legend: tuple[tuple[str, str], ...] = ()
