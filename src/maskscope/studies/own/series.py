"""A series: checkpoints of one network while it was trained; how their masks for the same function overlap."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from maskscope.engine.quantities import TRAINED, Numbers, Unit
from maskscope.errors import ConfigError
from maskscope.masks import iou
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import Compared, MaskedNetwork
from maskscope.procedure.units import by_measure
from maskscope.studies.own.result import Kinship, OwnResult

Label = int | float | str
# The same repeat is one line of searches: with warm starts, one mask began at the other. Another repeat began elsewhere.
BEFORE, BEFORE_OTHER = "iou with the checkpoint before", "iou with the checkpoint before, other repeat"
LAST, LAST_OTHER = "iou with the last checkpoint", "iou with the last checkpoint, other repeat"
SERIES_UNITS: Mapping[str, Unit] = by_measure({"ratio": (BEFORE, BEFORE_OTHER, LAST, LAST_OTHER)})
# labels are a part of the names of files
_LONGEST = 30


def series_labels(labels: Sequence[Label], networks: int) -> tuple[str, ...]:
    """The labels of a series as texts.

    Args:
        labels: as a user gives them.
        networks: how many networks there are.

    Raises:
        ConfigError: they are not one for each of at least two networks, cannot be told apart or be used in the names of files, or
            are numbers in another order than that of training.
    """
    if isinstance(labels, str) or not isinstance(labels, Sequence):
        raise ConfigError(f"series is of the type {type(labels).__name__}; a list was expected, as in series=[1000, 2000, 4000].")
    texts = tuple(str(int(label)) if isinstance(label, float) and label.is_integer() else str(label) for label in labels)
    if len(texts) != networks or networks < 2:
        raise ConfigError(
            f"series has {len(texts)} labels, and there are {networks} networks. Give a list of at least two checkpoints, and a "
            "label for each: ms.Study([first, second], ..., series=[1000, 2000])."
        )
    for text in texts:
        if not 0 < len(text.strip()) == len(text) <= _LONGEST or not all(sign.isalnum() or sign in " _.-+" for sign in text):
            raise ConfigError(
                f"The label {text[:_LONGEST]!r} in series cannot be used: a number, or at most {_LONGEST} letters, digits, "
                "blanks inside, and the signs _ . - + were expected."
            )
    lower = [text.lower() for text in texts]
    if len(set(lower)) < len(lower):
        raise ConfigError(f"series names a checkpoint twice: {', '.join(texts)}.")
    numbers = series_numbers(texts)
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise ConfigError(f"series is {', '.join(texts)}; the order of training, from fewer steps to more, was expected.")
    return texts


def series_numbers(labels: Sequence[str]) -> list[float]:
    """The labels as numbers, if all of them are; else none."""
    try:
        numbers = [float(label) for label in labels]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []


def kinships(masked: MaskedNetwork[Any], compared: Sequence[Compared]) -> tuple[Kinship, ...]:
    """The overlap of each mask with each for the same function on the checkpoint before, and on the last."""
    return tuple(
        Kinship(one.name, one.repeat, name, other.repeat, iou(one.mask, other.mask))
        for name, others in masked.of_others.items()
        for other in others
        for one in compared
        if one.name == other.name
    )


def kinship_numbers(network: NetworkResult[OwnResult]) -> Numbers:
    """The mean overlap of a function's masks with those of the checkpoint before and of the last, by line of searches."""
    numbers: Numbers = {}
    found = network.more.kinships if network.more else ()
    for function in dict.fromkeys(one.function for one in found):
        for own_line, measures in ((True, (BEFORE, LAST)), (False, (BEFORE_OTHER, LAST_OTHER))):
            some = [one for one in found if one.function == function and (one.repeat == one.other_repeat) == own_line]
            # the trained network is the last, and so comes before none
            before, last = ([one.iou for one in some if (one.other == TRAINED) == is_last] for is_last in (False, True))
            for measure, values in zip(measures, (before, last), strict=True):
                if values:
                    numbers[measure, function, ""] = sum(values) / len(values)
    return numbers
