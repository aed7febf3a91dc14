"""Answers beside the right one, place by place: what is wrong, what is missing, what is too much."""

from collections.abc import Iterable, Sequence
from itertools import groupby, zip_longest
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.examples import Answer, Example, Mark, Run
from maskscope.report.numbers import count_text
from maskscope.report.over_networks import mask_label, networks
from maskscope.studies.sequences.result import AnsweredExample
from maskscope.studies.sequences.values import alone, token_noun
from maskscope.tasks import Task

# stands for a token that is not there; no token of SCAN or of the Mathematics Dataset looks so
MISSING = "·"
ACTIONS = {"I_TURN_LEFT": "<", "I_TURN_RIGHT": ">", "I_JUMP": "J", "I_WALK": "W", "I_RUN": "R", "I_LOOK": "L"}
# who answered, as records have it
_UNMASKED, _BASELINE = "unmasked", "baseline "
_STEP = 5


def marks(answer: Sequence[str], given: Sequence[str]) -> list[Mark]:
    """What became of each place of the longer of two sequences, compared place by place."""
    found: list[Mark] = []
    for wanted, got in zip_longest(answer, given):
        found.append("missing" if got is None else "superfluous" if wanted is None else "right" if got == wanted else "wrong")
    return found


def faults(answer: Sequence[str], given: Sequence[str]) -> str:
    """An answer judged in words: ``right``, or what is wrong and from where."""
    found = marks(answer, given)
    bad = [place for place, mark in enumerate(found) if mark != "right"]
    if not bad:
        return "right"
    counts = [(found.count(mark), mark) for mark in ("wrong", "missing", "superfluous")]
    return f"{', '.join(f'{count} {mark}' for count, mark in counts if count)}, from place {bad[0] + 1}"


def shown_as(tokens: Iterable[str]) -> dict[str, str]:
    """A short form of each token, one character wide if there is one for all."""
    found = dict.fromkeys(tokens)
    if all(len(token) == 1 for token in found):
        return {token: token for token in found}
    return {token: ACTIONS[token] for token in found} if found.keys() <= ACTIONS.keys() else {token: token for token in found}


def short_forms(record: MaskRecord[Any]) -> dict[str, str]:
    """The short form of every token in the examples of a record."""
    every = (token for example in examples(record) for tokens in (example.answer, *example.given.values()) for token in tokens)
    found = dict.fromkeys(every)
    return shown_as([token for token in ACTIONS if token in found] + [token for token in found if token not in ACTIONS])


def aligned(answer: Sequence[str], given: Sequence[str], forms: dict[str, str]) -> tuple[Run, ...]:
    """The tokens that were given in place of an answer, adjacent ones with the same mark together."""
    texts = [forms[token] for token in given] + [MISSING] * (len(answer) - len(given))
    runs = []
    for mark, places in groupby(enumerate(marks(answer, given)), key=lambda one: one[1]):
        here = [texts[place] for place, _ in places]
        # a blank that is right needs no sign
        runs.append(Run(mark, _joint(forms).join(text.replace(" ", "␣") if mark != "right" else text for text in here)))
    return tuple(runs)


def _joint(forms: dict[str, str]) -> str:
    return "" if all(len(form) == 1 for form in forms.values()) else " "


def ruler(length: int) -> str:
    """Every fifth place by its number, the last digit above it."""
    return "".join(str(place).rjust(_STEP) for place in range(_STEP, length + 1, _STEP))


def examples(record: MaskRecord[Any]) -> tuple[AnsweredExample, ...]:
    """The examples of the first trained network that has some."""
    return next((one.more.examples for one in networks(record) if one.more and one.more.examples), ())


def examples_seed(record: MaskRecord[Any]) -> int | None:
    """The seed of the network that the examples are of."""
    return next((one.seed for one in networks(record) if one.more and one.more.examples), None)


def who_words(who: str) -> str:
    """Who answered."""
    if who.startswith(_BASELINE):
        return alone(who.removeprefix(_BASELINE))
    return "no mask" if who == _UNMASKED else mask_label(who)


def in_order(example: AnsweredExample) -> list[str]:
    """Who answered: the network, the full mask, what belongs to the test, then the others."""

    def place(who: str) -> int:
        if who in (_UNMASKED, Task.whole):
            return 0
        name = who.removeprefix(_BASELINE)
        return 1 if example.test == name or example.test.startswith(f"{name}-") else 2

    return sorted(example.given, key=place)


def seen_words(example: AnsweredExample) -> str:
    """Whether the network was trained on a question."""
    return "yes" if example.seen else "no"


def tokens_text(tokens: Sequence[str]) -> str:
    """Tokens as a text."""
    return ("" if all(len(token) == 1 for token in tokens) else " ").join(tokens)


def example_of(record: MaskRecord[Any], example: AnsweredExample, forms: dict[str, str]) -> Example:
    """An example as it is shown."""
    longest = max(len(example.answer), *(len(given) for given in example.given.values()), 0)
    return Example(
        question=example.question,
        seen="seen in training" if example.seen else "not seen in training",
        ruler="" if _joint(forms) else ruler(longest),
        right=_joint(forms).join(forms[token] for token in example.answer),
        length=count_text(len(example.answer), token_noun(record)),
        answers=tuple(
            Answer(
                who_words(who),
                aligned(example.answer, example.given[who], forms),
                tuple(example.given[who]) == tuple(example.answer),
                faults(example.answer, example.given[who]),
            )
            for who in in_order(example)
        ),
    )
