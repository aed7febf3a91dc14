"""What is measured of class removal: what one class owns of the weights."""

from collections.abc import Mapping
from dataclasses import dataclass

from maskscope.analysis import GradientCosine
from maskscope.procedure.result import Kept, NetworkResult, share_kept
from maskscope.tasks import Scores


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
        return share_kept(self.by_tensor.values())


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


@dataclass(frozen=True)
class RemovalResult:
    """What is measured beside the scores.

    Args:
        owned: of every class that a mask was found without.
        cosines: how a mask distorts gradients, by how many layers it is applied to.
        filters: the first convolution with what each class owns of it.
    """

    owned: tuple[Owned, ...] = ()
    cosines: tuple[GradientCosine, ...] = ()
    filters: Filters | None = None


def removal_of(network: NetworkResult[RemovalResult]) -> RemovalResult:
    """What is measured of class removal on a network; nothing, where nothing was."""
    return network.more or RemovalResult()
