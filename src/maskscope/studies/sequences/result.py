"""Results about sequences: what was answered, networks trained on a part, weights of the output map."""

from collections.abc import Mapping
from dataclasses import dataclass

from maskscope.procedure.result import Kept
from maskscope.tasks import Scores


@dataclass(frozen=True)
class AnsweredExample:
    """A question and what was answered, token by token.

    Args:
        test: the test it is of.
        question: as a text.
        answer: the right tokens.
        seen: whether the network was trained on it.
        given: the tokens answered, by who answered: ``unmasked``, a mask's name, or ``baseline NAME``.
    """

    test: str
    question: str
    answer: tuple[str, ...]
    seen: bool
    given: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Baseline:
    """A network that was trained on one set of training questions alone, without masks.

    Args:
        trained_on: the set; a mask for it has the same name.
        scores: on every test.
        dropping: the same with the decoder's dropout on, as in the authors' code; None where not asked for.
    """

    trained_on: str
    scores: Scores
    dropping: Scores | None = None


@dataclass(frozen=True)
class OutputRows:
    """What a mask keeps of the output map, by the token that a row stands for.

    Args:
        function: the mask.
        repeat: of the mask.
        by_token: weights kept, of how many; the last token is the end.
    """

    function: str
    repeat: int
    by_token: Mapping[str, Kept]


@dataclass(frozen=True)
class SequenceResult:
    """What is measured beside the scores on a network of sequences.

    Args:
        examples: questions with what was answered.
        baselines: networks trained on a part.
        rows: of every mask; empty where the output map is not masked.
        dropping: scores of the unmasked network with the decoder's dropout on; None where not asked for.
    """

    examples: tuple[AnsweredExample, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    rows: tuple[OutputRows, ...] = ()
    dropping: Scores | None = None
