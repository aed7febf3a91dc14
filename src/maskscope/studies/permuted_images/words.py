"""What a study of networks that grow says in words: its question, its main numbers, and what speaks against reading them."""

from maskscope.report.cautions import at_least
from maskscope.report.key_number import KeyNumber, key_number
from maskscope.report.numbers import count_text, in_words, mean_text
from maskscope.report.origin import data_name
from maskscope.studies.permuted_images.result import GrowthRecord
from maskscope.studies.permuted_images.tables import layers, starts

# what the claims ask of every task before anything else
_LEARNED = 0.95


def question(record: GrowthRecord) -> str:
    """What was asked, in a paragraph."""
    images = data_name(record)
    networks = count_text(len(record.seeds), "network")
    if len(starts(record)) > 1:
        networks = f"{networks} for each of {len(starts(record))} starts of new logits"
    return (
        f"Are weights of earlier tasks used again? {networks}, grown from task to task: {record.functions[0]} is "
        f"{images} as it is, {_others(record)} the same images with their pixels in another order. Weights and mask of a "
        "task are learned together. What an earlier task's mask keeps stays as it is and can be used again; every other weight "
        f"is free{_first(record)}. Behind the first layer nothing forces a task to have weights of its own: the problem is the "
        "same. How many of the weights that its mask keeps there are those of earlier tasks, and is that more than a mask would "
        "share that keeps weights blindly?"
    )


def answer(record: GrowthRecord) -> str:
    """The result in one sentence: how many of the weights that later tasks keep are those of earlier ones, beside chance."""
    if cautions(record):
        return "Not every task has been learned, so that the masks of tasks say nothing yet."
    start = next(iter(starts(record)), "")
    shared, chance, beyond = (record.quantity(f"mean shared{more}", start) for more in ("", " by chance", " beyond chance"))
    if not (layers(record) and shared and chance and beyond):
        return "There is one task only, so that nothing can be used again."
    more = beyond.summary.mean > 0 if beyond.summary.n == 1 else beyond.summary.low > 0
    verb = "use weights of earlier tasks again" if more else "use weights of earlier tasks no more than chance would"
    return (
        f"Later tasks {verb}: {mean_text(shared.summary, 'percent')} of what they keep behind the first layer, where chance "
        f"gives {mean_text(chance.summary, 'percent')}."
    )


def sentences(record: GrowthRecord) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    said = []
    for start in starts(record) if layers(record) else ():
        shared, chance = (record.quantity(measure, start) for measure in ("mean shared", "mean shared by chance"))
        if shared and chance:
            said.append(
                f"With {start}, {mean_text(shared.summary, 'percent')} of the weights that a later task keeps behind the first "
                f"layer are weights of earlier tasks; by chance it would be {mean_text(chance.summary, 'percent')}."
            )
    return said


def key_numbers(record: GrowthRecord) -> list[KeyNumber]:
    """The key numbers, for each start of new logits."""
    asked = {
        "Accuracy of the worst task": "lowest accuracy",
        "Shared beyond chance": "mean shared beyond chance",
    }
    return [
        key_number(title, [(start, record.quantity(measure, start)) for start in starts(record)])
        for title, measure in asked.items()
    ]


def cautions(record: GrowthRecord) -> list[str]:
    """That tasks have not been learned, if they have not."""
    found = [(start, record.quantity("lowest accuracy", start)) for start in starts(record)]
    poor = [f"{mean_text(one.summary, 'percent')} with {start}" for start, one in found if one and one.summary.mean < _LEARNED]
    if not poor:
        return []
    return [
        f"Not every task has been learned: accuracy on the worst one is {in_words(poor)} (asked: {at_least(_LEARNED)}). A "
        "verdict on them says nothing about networks that have learned theirs."
    ]


def _first(record: GrowthRecord) -> str:
    return ", and so is the first layer" if record.spec.get("reset_first_layer", True) else ""


def _others(record: GrowthRecord) -> str:
    later = record.functions[1:]
    return f"{later[0]} to {later[-1]} are" if len(later) > 1 else f"{in_words(list(later))} is" if later else "the others are"
