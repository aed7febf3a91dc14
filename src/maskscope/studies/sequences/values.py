"""What a study of sequences compares: its tests, how much of each was seen in training, and the networks that were asked."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from maskscope.procedure.record import EvaluationPart, MaskRecord
from maskscope.report.numbers import in_words
from maskscope.report.over_networks import WHOLE, mask_label, mask_names, networks, own_function
from maskscope.studies.sequences.numbers import TRAINED_ON_IT
from maskscope.studies.sequences.result import SequenceResult
from maskscope.tasks.sequences import FOUND_WITH, UNSEEN

INTERPOLATE = "interpolate"
# what the two measures of dropout in evaluation end in
DROPPING = ", decoder dropping"
SEEN = "in the training part of simple, which the network has seen"
_HELD_OUT = {
    "jump": "with “jump” and other words",
    "length": "whose answer has 24 actions or more",
    "turn_left": "with “turn left” and other words",
}


class Asked(NamedTuple):
    """A network that was asked, in words, and where its accuracy stands: measure and mask."""

    label: str
    measure: str
    mask: str


@dataclass(frozen=True)
class Family:
    """The tests that a mask for one part of the questions is judged by.

    Args:
        mask: its name.
        held_out: the questions that it was found without; empty where the tests are levels of difficulty.
        unseen: those of them that the network was not trained on; empty where that is none of them, or all.
        found_with: questions of the kind that it was found with.
    """

    mask: str
    held_out: str
    unseen: str
    found_with: str

    @property
    def tests(self) -> tuple[str, ...]:
        """All of them, in this order."""
        return tuple(test for test in (self.held_out, self.unseen, self.found_with) if test)


def is_scan(record: MaskRecord[Any]) -> bool:
    """Whether masks are for splits, which hold commands out, and not for levels of difficulty."""
    return "splits" in record.spec


def noun(record: MaskRecord[Any]) -> str:
    """What one question is called."""
    return "command" if is_scan(record) else "question"


def token_noun(record: MaskRecord[Any]) -> str:
    """What one token of an answer is called."""
    return "action" if is_scan(record) else "character"


def sought(record: MaskRecord[Any]) -> list[str]:
    """The masks for parts of the questions."""
    return [name for name in mask_names(record) if name != WHOLE]


def families(record: MaskRecord[Any]) -> list[Family]:
    """The tests of each mask."""
    found = []
    for mask in sought(record):
        own = own_function(record, mask)
        unseen = f"{mask}{UNSEEN}" if f"{mask}{UNSEEN}" in record.functions else ""
        found.append(Family(mask, mask if own != mask else "", unseen, own))
    return found


def trained_on(record: MaskRecord[Any]) -> list[str]:
    """The parts of the questions that a network was trained on alone."""
    return list(dict.fromkeys(one.mask for one in record.quantities if one.measure == TRAINED_ON_IT))


def alone(name: str) -> str:
    """A network that was trained on one part alone, in words."""
    return f"trained on {name} alone"


def unmasked_and_masked(record: MaskRecord[Any]) -> list[Asked]:
    """The network without a mask, and under every mask."""
    masks = [Asked(mask_label(name), "sufficiency", name) for name in mask_names(record)]
    return [Asked("no mask", "accuracy", ""), *masks]


def everyone(record: MaskRecord[Any]) -> list[Asked]:
    """The network without a mask and under every mask, and the networks trained on a part alone."""
    return [*unmasked_and_masked(record), *(Asked(alone(name), TRAINED_ON_IT, name) for name in trained_on(record))]


def about_mask(record: MaskRecord[Any], mask: str) -> list[Asked]:
    """Those that one mask is compared with, itself among them."""
    return [one for one in everyone(record) if one.mask in ("", WHOLE, mask)]


def part_of(record: MaskRecord[Any], test: str) -> EvaluationPart | None:
    """How many questions a test has, and how many the network was trained on; of an unseen part, those of the whole test."""
    return next((part for part in record.evaluated_on if part.name == test.removesuffix(UNSEEN)), None)


def seen_sentence(record: MaskRecord[Any], test: str, *, of: str = "of this test") -> str:
    """How much of a test the network was trained on; empty where that is nothing."""
    part = part_of(record, test)
    if part is None or not part.seen:
        return ""
    where = SEEN if is_scan(record) else "among those that the network was trained on"
    return f"{part.seen:,} of the {part.items:,} {noun(record)}s {of} ({share_text(part)}) are {where}."


def seen_of_all(record: MaskRecord[Any]) -> str:
    """The same of what all splits hold out, in one sentence; empty where the network has seen nothing of it."""
    tests = [family.held_out for family in families(record) if family.held_out]
    if len(tests) == 1:
        return seen_sentence(record, tests[0], of=f"that split {tests[0]} holds out")
    parts = [part for test in tests if (part := part_of(record, test)) and part.seen]
    said = [f"of split {part.name} {part.seen:,} of {part.items:,} ({share_text(part)})" for part in parts]
    return f"Of the commands that are held out, many are {SEEN}: {in_words(said).replace(';', ',')}." if said else ""


def share_text(part: EvaluationPart) -> str:
    """The seen share in percent."""
    return f"{100 * part.seen / part.items:.1f}\u00a0%"


def what_it_is(record: MaskRecord[Any], test: str) -> str:
    """What a test is."""
    if not is_scan(record):
        if test == INTERPOLATE:
            return "questions as in the dataset's own test interpolate, that the network was not trained on"
        return f"{test} questions that the network was not trained on"
    if test.endswith(UNSEEN):
        return "those of them that the network was not trained on either"
    if test.endswith(FOUND_WITH):
        return f"training part of split {test.removesuffix(FOUND_WITH)}: the commands that its mask was found with"
    if test in sought(record):
        return f"commands {_HELD_OUT.get(test, 'of one kind')}: split {test} holds them out, and its mask was found without them"
    return f"test part of split {test}: commands drawn at random that the network was not trained on"


def short_words(test: str) -> str:
    """A test of a split in a few words, for figures."""
    return "never seen" if test.endswith(UNSEEN) else "found with" if test.endswith(FOUND_WITH) else "held out"


def results(record: MaskRecord[Any]) -> list[SequenceResult]:
    """Of the trained networks, what only networks of sequences have."""
    return [network.more for network in networks(record) if network.more is not None]
