"""What a class-removal study says in words: its question, its main numbers, and what speaks against reading them."""

from typing import Any

from maskscope.analysis import Summary
from maskscope.procedure.record import MaskRecord
from maskscope.report.cautions import NOTHING_YET, classes_not_learned
from maskscope.report.key_number import KeyNumber, key_number
from maskscope.report.numbers import count_text, in_words, mean_text, plain
from maskscope.report.origin import data_name
from maskscope.studies.class_removal.numbers import OVER_CLASSES
from maskscope.studies.class_removal.values import removed

# what the claims ask of a network before anything else
_LEARNED = 0.65
# the bounds of the claims: a class falls that loses half, others stay that lose a tenth
_FALLS, _STAY = 0.5, 0.1


def question(record: MaskRecord[Any]) -> str:
    """What was asked, in a paragraph."""
    images = data_name(record)
    classes = [function for function, _ in removed(record)]
    named = in_words(classes) if len(classes) < len(record.functions) else "each of them"
    return (
        f"What does a class own? {count_text(len(record.seeds), 'network').capitalize()}, trained to tell the "
        f"{len(record.functions)} classes of {images} apart. The full mask keeps what all classes need. For {named} one "
        "more mask was found with the images of all the other classes, as if this one did not exist. Does the class fall under "
        "it while the others stay? What the full mask keeps and this mask does not is what the class owns: weights that no other "
        "class needs."
    )


def answer(record: MaskRecord[Any]) -> str:
    """The result in one sentence: whether a class falls without weights of its own, and whether the others stay."""
    if cautions(record):
        return NOTHING_YET
    drop, others = (record.quantity(measure + OVER_CLASSES) for measure in ("target drop", "mean drop of others"))
    if drop is None or others is None:
        return "No class was removed."
    lost = f"loses {mean_text(drop.summary, 'percent')} of its accuracy"
    if drop.summary.mean < _FALLS:
        return f"A class hardly needs weights of its own: under a mask that was found without its images it {lost}."
    if others.summary.mean > _STAY:
        return f"A class cannot be removed alone: without its weights it {lost}, and the others lose some as well."
    return f"Each class has weights of its own: without them it {lost}, and the other classes stay."


def sentences(record: MaskRecord[Any]) -> list[str]:
    """The main numbers in sentences; none that was not measured."""
    found = {measure: record.quantity(measure + OVER_CLASSES) for measure in ("target drop", "mean drop of others")}
    drop, others = found["target drop"], found["mean drop of others"]
    said = []
    if drop and others:
        said.append(
            f"Under a mask found without its images a class loses {mean_text(drop.summary, 'percent')} of its accuracy under the "
            f"full mask; that of the other classes changes by {_change(others.summary)} on average."
        )
    share = record.quantity(f"owned share of the full mask{OVER_CLASSES}")
    if share:
        said.append(f"A class owns {mean_text(share.summary, 'percent')} of the weights of the full mask.")
    without = record.quantity(f"target drop without what it owns{OVER_CLASSES}")
    random = record.quantity(f"target drop without random weights{OVER_CLASSES}")
    if without and random:
        said.append(
            f"Without these alone it loses {mean_text(without.summary, 'percent')}, without as many random ones "
            f"{mean_text(random.summary, 'percent')}."
        )
    return said


def key_numbers(record: MaskRecord[Any]) -> list[KeyNumber]:
    """The key numbers that the picture does not have: of each class, or their range."""
    asked = {
        "Accuracy the others lose": "mean drop of others",
        "Owned, of the full mask's weights": "owned share of the full mask",
    }
    accuracy = key_number("Mean accuracy of the network", [("no mask", record.quantity("mean accuracy"))])
    return [
        accuracy,
        *(
            key_number(title, [(name, record.quantity(measure, mask)) for name, mask in removed(record)])
            for title, measure in asked.items()
        ),
    ]


def cautions(record: MaskRecord[Any]) -> list[str]:
    """That the networks cannot tell the classes apart, if they cannot."""
    return classes_not_learned(record, _LEARNED)


def _change(drop: Summary) -> str:
    """What a drop changes: its negative, with its sign."""
    if drop.n == 0:
        return mean_text(drop, "percent")
    return ("+" if drop.mean < 0 else "−" if drop.mean > 0 else "") + plain(abs(drop.mean), "percent") + "\u00a0%"
