"""What a study of sequences says in words: its question, its main numbers, and what speaks against reading them."""

from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.cautions import NOTHING_YET, not_learned
from maskscope.report.key_number import KeyNumber, key_number
from maskscope.report.numbers import count_text, in_words, mean_text
from maskscope.report.over_networks import WHOLE, mask_label, mask_names
from maskscope.studies.sequences.numbers import TRAINED_ON_IT
from maskscope.studies.sequences.values import (
    Family,
    families,
    is_scan,
    mask_targets,
    part_of,
    share_text,
    trained_on,
)

# what the claims ask of the network before anything else, by test
_SCAN_LEARNED, _MATHEMATICS_LEARNED = {"simple": 0.95}, {"easy": 0.5, "hard": 0.5}

# less than this share of right answers is left: the claims' bound
_FALLEN = 0.5


def question(record: MaskRecord[Any]) -> str:
    """What was asked, in a paragraph."""
    return _scan_question(record) if is_scan(record) else _mathematics_question(record)


def _scan_question(record: MaskRecord[Any]) -> str:
    own = (
        " Beside it stands a network that was trained on the split alone, and has seen none of what the split holds out."
        if trained_on(record)
        else ""
    )
    splits = mask_targets(record)
    return (
        f"Are held-out combinations done by the weights that do the rest? {_networks(record)}, trained to answer commands of "
        "SCAN (“jump twice after walk left”) with actions, on the training part of split simple: four in five of all commands, "
        f"drawn at random. The {'splits' if len(splits) > 1 else 'split'} {in_words(splits)} "
        f"{'hold' if len(splits) > 1 else 'holds'} out commands of one kind. For each a mask was found with the commands "
        "that are left, over the weights of a network that knows the held-out ones too. What those are made of occurs in the "
        "commands that are left; if the network does them by weights of their own all the same, these weights are removed, and "
        f"the held-out commands fall.{own}"
    )


def _mathematics_question(record: MaskRecord[Any]) -> str:
    return (
        f"Are hard questions answered by the weights that answer easy ones? {_networks(record)}, trained on easy, medium and "
        f"hard questions of module {record.spec.get('module', '')} of the Mathematics Dataset, which are answered character by "
        "character. The full mask was found with questions of all levels, "
        f"{in_words([mask_label(one) for one in mask_targets(record)])} with those of that level alone. The way to the answer "
        "is the same at every level: if the other levels fall under a mask that keeps its own, the network has weights for them "
        "that are not needed there."
    )


def _networks(record: MaskRecord[Any]) -> str:
    return f"{count_text(len(record.seeds), 'network')} ({record.spec.get('network', '')})"


def answer(record: MaskRecord[Any]) -> str:
    """The result in one sentence: whether questions that a mask was found without are still answered under it."""
    if cautions(record):
        return NOTHING_YET
    found = _on_splits(record) if is_scan(record) else _on_levels(record)
    if not found:
        return "No mask was found for a part of the questions."
    fall = [text for text, kept in found if kept <= _FALLEN]
    stay = [text for text, kept in found if kept > _FALLEN]
    what, rest = (
        ("Held-out commands", "the weights that do the rest")
        if is_scan(record)
        else ("Questions of another level", "the weights of one level")
    )
    if not stay:
        mean = " on average" if _crossed(record) else ""
        return f"{what} are{mean} not done by {rest}: right answers fall from {in_words(fall)}."
    if not fall:
        return f"{what} are mostly done by {rest}: right answers go from {in_words(stay)}."
    return f"{what} are not always done by {rest}: right answers fall from {in_words(fall)}; but only from {in_words(stay)}."


def _on_splits(record: MaskRecord[Any]) -> list[tuple[str, float]]:
    """For each split, from where to where right answers to what it holds out go, and the share that is left."""
    return [one for family in families(record) if (one := _from_to(record, family.mask, family.held_out))]


def _on_levels(record: MaskRecord[Any]) -> list[tuple[str, float]]:
    """For each mask of a level, the same of the level that falls most under it."""
    found = []
    for mask in mask_targets(record):
        fallen = [one for test in record.functions if test != mask and (one := _from_to(record, mask, test))]
        found += [min(fallen, key=lambda one: one[1])] if fallen else []
    return found


def _crossed(record: MaskRecord[Any]) -> bool:
    """Whether the interval of a loss has the claims' bound inside, so that networks differ about it."""
    gaps = [
        one.summary for one in record.quantities if one.measure == "relative gap to the full mask" and one.mask == one.function
    ]
    return any(gap.n > 1 and gap.low < _FALLEN <= gap.mean for gap in gaps)


def _from_to(record: MaskRecord[Any], mask: str, test: str) -> tuple[str, float] | None:
    before, after = record.quantity("sufficiency", WHOLE, test), record.quantity("sufficiency", mask, test)
    if not before or not after or not before.summary.mean > 0:
        return None
    text = f"{mean_text(before.summary, 'percent')} to {mean_text(after.summary, 'percent')} "
    text += f"({mask})" if is_scan(record) else f"({test} questions, mask for {mask} ones)"
    return text, after.summary.mean / before.summary.mean


def sentences(record: MaskRecord[Any]) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    if is_scan(record):
        return [*_on_first(record), *(text for family in families(record) for text in _on_held_out(record, family))]
    said = []
    for mask in mask_targets(record):
        others = [test for test in record.functions if test != mask]
        full, part = ([record.quantity("sufficiency", name, test) for test in (mask, *others)] for name in (WHOLE, mask))
        numbers = [
            f"{mean_text(after.summary, 'percent')} on {test} ({mean_text(before.summary, 'percent')} under the full mask)"
            for test, before, after in zip((mask, *others), full, part, strict=True)
            if before and after
        ]
        said += [f"Under the mask found with {mask} questions alone, accuracy is {in_words(numbers)}."] if numbers else []
    return [*_on_first(record), *said]


def _on_first(record: MaskRecord[Any]) -> list[str]:
    """The network itself, and what the full mask keeps of it."""
    test = record.functions[0] if is_scan(record) else "hard"
    before, after = record.quantity("accuracy", "", test), record.quantity("sufficiency", WHOLE, test)
    if not before or not after:
        return []
    return [
        f"The network answers {mean_text(before.summary, 'percent')} of the {test} test, "
        f"{mean_text(after.summary, 'percent')} under the full mask."
    ]


def _on_held_out(record: MaskRecord[Any], family: Family) -> list[str]:
    """What a mask makes of the commands that it was found without, beside how many of them the network has seen."""
    asked = [("under the full mask", "sufficiency", WHOLE), ("under the mask found without them", "sufficiency", family.mask)]
    asked += [("by a network trained on the split alone", TRAINED_ON_IT, family.mask)] if trained_on(record) else []
    on_all = [(words, record.quantity(measure, mask, family.held_out)) for words, measure, mask in asked]
    numbers = in_words([f"{mean_text(one.summary, 'percent')} {words}" for words, one in on_all if one])
    if not numbers:
        return []
    part = part_of(record, family.held_out)
    seen = f", {share_text(part)} of which the network has seen in training," if part and part.seen else ""
    text = f"Of the commands that split {family.mask} holds out{seen} right are {numbers}"
    on_unseen = [record.quantity(measure, mask, family.unseen) for _, measure, mask in asked] if family.unseen else []
    rest = in_words([mean_text(one.summary, "percent") for one in on_unseen if one])
    return [f"{text}; of those never seen, {rest}." if rest else f"{text}."]


def key_numbers(record: MaskRecord[Any]) -> list[KeyNumber]:
    """The key numbers that the picture does not have."""
    tests = record.functions[:1] if is_scan(record) else record.functions
    measured = [(f"{test} test", record.quantity("accuracy", "", test)) for test in tests]
    return [key_number("Accuracy without a mask", measured), _density(record)]


def _density(record: MaskRecord[Any]) -> KeyNumber:
    return key_number("Weights kept", [(mask_label(name), record.quantity("density", name)) for name in mask_names(record)])


def cautions(record: MaskRecord[Any]) -> list[str]:
    """That the network has not learned what it was trained for, if it has not."""
    return not_learned(record, _SCAN_LEARNED if is_scan(record) else _MATHEMATICS_LEARNED, tests=True)
