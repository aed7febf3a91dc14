"""The Mathematics Dataset as a task: questions are answered character by character.

Source: Saxton et al. 2019; the choice of levels is from Csordás et al. 2021.
"""

from collections.abc import Sequence

import torch

from maskscope.tasks.encoding import Encoded, Vocabulary, encode
from maskscope.tasks.mathematics import ALPHABET, LEVELS, Question, Questions
from maskscope.tasks.sequences import EvaluationSet, SequenceTask

CHARACTERS = Vocabulary(tuple(ALPHABET))


def mathematics_task(
    questions: Questions, masks_on: Sequence[str] = ("easy",), *, even: bool = False, device: torch.device | str = "cpu"
) -> SequenceTask:
    """The task for one module: networks are trained on all three levels, masks on some levels, and each level has a test.

    Args:
        questions: the questions of one module.
        masks_on: the levels that masks are found for.
        even: see `SequenceTask`.
        device: see `SequenceTask`.
    """
    every = [question for level in LEVELS for question in questions.train[level]]
    train = {SequenceTask.whole: _encoded(every, questions.module)}
    train |= {level: _encoded(questions.train[level], questions.module) for level in masks_on}
    tests = {level: EvaluationSet(_encoded(some, questions.module), len(some)) for level, some in questions.test.items()}
    return SequenceTask(train, tests, CHARACTERS, CHARACTERS, even=even, device=device)


def _encoded(questions: Sequence[Question], module: str) -> Encoded:
    return encode(questions, CHARACTERS, CHARACTERS, f"module {module} of the Mathematics Dataset")
