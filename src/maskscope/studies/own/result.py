"""What is measured of a user's own network beside the scores under its masks."""

from dataclasses import dataclass

from maskscope.tasks import Scores
from maskscope.training.sizing import CurvePoint


@dataclass(frozen=True)
class MaskCurve:
    """The masks of a path that was searched for one function.

    Args:
        function: what they are for.
        repeat: of the search.
        points: in the order of the search.
    """

    function: str
    repeat: int
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class Kinship:
    """The overlap of a mask with one for the same function on another state of the network, in a series over training.

    Args:
        function: what both are for.
        repeat: of the mask.
        other: name of the other state.
        other_repeat: of the mask there. Where it is the same, the one may have been the start of the other.
        iou: of the two.
    """

    function: str
    repeat: int
    other: str
    other_repeat: int
    iou: float


@dataclass(frozen=True)
class OwnResult:
    """The lower end of the scale on which the claims are judged, and what masks of other sizes keep.

    Args:
        emptied: scores of the network without any weight that a mask is over: what is scored for nothing.
        curves: behaviour against size, for each mask that was found along a path.
        kinships: of a series, the overlaps with the masks on the state before, and on the last.
    """

    emptied: Scores
    curves: tuple[MaskCurve, ...] = ()
    kinships: tuple[Kinship, ...] = ()
