"""Results about weights kept, and about what one class owns of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from maskscope.tasks import Scores


@dataclass(frozen=True)
class Kept:
    """Weights kept in one tensor, of how many."""

    kept: int
    weights: int


@dataclass(frozen=True)
class Owned:
    """What a class owns: the weights of the full mask that the mask found without the class does not keep.

    Args:
        function: the class.
        mask: the mask found without it.
        by_tensor: weights owned, of how many in the full mask, by dotted name.
        removed: scores under the full mask without these weights.
        random_removed: scores under the full mask without as many random ones of its weights in each tensor; one for each draw.
    """

    function: str
    mask: str
    by_tensor: Mapping[str, Kept]
    removed: Scores
    random_removed: tuple[Scores, ...]

    @property
    def share(self) -> float:
        """Of the weights of the full mask; NaN if that is empty."""
        whole = sum(part.weights for part in self.by_tensor.values())
        return sum(part.kept for part in self.by_tensor.values()) / whole if whole else math.nan


@dataclass(frozen=True)
class Filters:
    """The weights of the first convolution, to be looked at.

    Args:
        tensor: dotted name.
        shape: filters, channels, height, width.
        weights: row-major, to four digits.
        full: a 1 for each weight that the full mask keeps, else a 0.
        owned: the same, for what each class owns.
    """

    tensor: str
    shape: tuple[int, ...]
    weights: tuple[float, ...]
    full: str
    owned: Mapping[str, str]
