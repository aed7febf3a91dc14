"""The unit of every measure, in one table."""

from typing import Literal

from maskscope.errors import UnknownNameError

# share: a part of a whole, 0 to 1
# difference of shares: one share minus another, -1 to 1
# relative: a change of a share by what it was before, or by another change; of any size and sign
# ratio: what masks have in common, and places on a scale that is made of such overlaps
# difference of ratios: one overlap minus another
# p: how probable so much is by chance
Unit = Literal["share", "difference of shares", "relative", "ratio", "difference of ratios", "p"]
# a measure of each class is also given as its mean over classes, in the same unit
OVER_CLASSES = ", mean over classes"

_MEASURES: dict[Unit, tuple[str, ...]] = {
    "share": (
        "accuracy",
        "accuracy of unrelated functions",
        "half-mask accuracy",
        "mean accuracy",
        "sufficiency",
        "necessity",
        "necessity, full I/O",
        "top weights",
        "random removal",
        "density",
        "undecided",
        "remaining of the full mask",
        "owned share of the full mask",
        "stable core",
        "stable core by chance",
        # of networks that grow
        "accuracy on an earlier task",
        "lowest accuracy",
        "shared",
        "shared by chance",
        "mean shared",
        "mean shared by chance",
        # of networks of sequences
        "accuracy, decoder dropping",
        "accuracy of a network trained on it",
        "accuracy of a network trained on it, decoder dropping",
        "removed of output",
    ),
    "difference of shares": (
        "loss under the full mask",
        "mean loss under the full mask",
        "loss beyond random removal",
        "sufficiency beyond top weights",
        "sufficiency beyond untrained",
        "sufficiency beyond shuffled labels",
        "mean shared beyond chance",
        "gap to the full mask",
        "mask beyond such a network",
        "removed beyond other outputs",
    ),
    "relative": (
        "relative drop",
        "target drop",
        "mean drop of others",
        "largest other over target",
        "target drop without what it owns",
        "target drop without random weights",
        "target drop beyond random",
        "relative gap to the full mask",
    ),
    "ratio": (
        "iou",
        "iou of repeats, mean",
        "iou of different functions, mean",
        "iomin",
        "dice",
        "dice floor",
        "dice floor among used",
        "dice with unrelated functions",
        "normalised sharing",
        "normalised sharing among used",
        "normalised sharing of hidden",
        "dice over ceiling",
        "dice over ceiling among used",
        "dice over ceiling of hidden",
    ),
    "difference of ratios": ("iou of repeats beyond different functions",),
    "p": ("p (unrelated functions)", "p (Holm)"),
}
UNITS: dict[str, Unit] = {measure: unit for unit, measures in _MEASURES.items() for measure in measures}


def unit_of(measure: str) -> Unit:
    """The unit of a measure.

    Raises:
        UnknownNameError: the table has no such measure; a new one is a row in it.
    """
    name = measure.removesuffix(OVER_CLASSES)
    if name not in UNITS:
        raise UnknownNameError("measure", measure, UNITS)
    return UNITS[name]
