"""What is done to a network with a mask, in words: one long and one short form each, for figures, tables and sentences."""

from maskscope.report.numbers import brief
from maskscope.tasks import Task

# a network with all of its weights
INTACT = "intact network"
# what is kept or removed in place of a mask's weights, to compare with
OTHERS = "as many others"


def mask_words(mask: str) -> str:
    """A mask: ``add``, ``the full mask``."""
    return "the full mask" if mask == Task.whole else mask


def kept(mask: str) -> str:
    """The network with nothing but a mask's weights: ``only the weights of add``."""
    return f"only the weights of {mask_words(mask)}"


def removed(mask: str) -> str:
    """The network without a mask's weights: ``without the weights of add``."""
    return f"without the weights of {mask_words(mask)}"


def hidden_removed(mask: str) -> str:
    """The network without the hidden ones of a mask's weights: ``without the hidden weights of add``."""
    return f"without the hidden weights of {mask_words(mask)}"


def kept_short(mask: str) -> str:
    """`kept` in two words: ``add kept``."""
    return f"{_short(mask)} kept"


def removed_short(mask: str) -> str:
    """`removed` in two words: ``add removed``."""
    return f"{_short(mask)} removed"


def in_two_lines(words: str) -> str:
    """A long form for the axis of a figure: the mask's name in a line of its own."""
    start, _, name = words.partition(" weights of ")
    return f"{start} weights\nof {name}"


def _short(mask: str) -> str:
    return "full mask" if mask == Task.whole else brief(mask, 14)
