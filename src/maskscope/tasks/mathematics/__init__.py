"""Questions of five modules of the DeepMind Mathematics Dataset: newly generated, or read from the published archive."""

from maskscope.tasks.mathematics.archive import read_archive, write_archive
from maskscope.tasks.mathematics.generate import generate, generate_questions
from maskscope.tasks.mathematics.questions import (
    ALPHABET,
    EXTRAPOLATIONS,
    LEVELS,
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    MODULES,
    Question,
    Questions,
    digest_of,
)

__all__ = [
    "ALPHABET",
    "EXTRAPOLATIONS",
    "LEVELS",
    "LONGEST_ANSWER",
    "LONGEST_QUESTION",
    "MODULES",
    "Question",
    "Questions",
    "digest_of",
    "generate",
    "generate_questions",
    "read_archive",
    "write_archive",
]
