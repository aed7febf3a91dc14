"""What is measured of a user's own network beside the scores under its masks."""

from dataclasses import dataclass

from maskscope.analysis import Transfer
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
class MaskTransfer:
    """The private part of one mask in the place of another's.

    Args:
        giver: the function whose mask's private part is taken.
        receiver: the function that it is to serve, which is scored; the same one where the masks are two for one function.
        repeat: of the receiver's mask.
        scores: of the receiver.
    """

    giver: str
    receiver: str
    repeat: int
    scores: Transfer


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
    """The lower end of the scale on which the claims are judged, what masks of other sizes keep, and transfer between masks.

    Args:
        emptied: scores of the network without any weight that a mask is over: what is scored for nothing.
        curves: behaviour against size, for each mask that was found along a path.
        transfers: between the masks of every two functions, and between those of one function; none in earlier records.
        kinships: of a series, the overlaps with the masks on the state before, and on the last.
    """

    emptied: Scores
    curves: tuple[MaskCurve, ...] = ()
    transfers: tuple[MaskTransfer, ...] = ()
    kinships: tuple[Kinship, ...] = ()
