"""What is measured of a user's own network beside the scores under its masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
class SpikeIn:
    """Whether a search with the study's settings finds weights that are known to carry a function, in a copy of the network.

    Args:
        failed: why nothing was planted; then there are no numbers. Empty: something was.
        planted: how many units carry the planted rule; without any one of them it is told less well.
        by_tensor: how many of these each group of units has, where it has any.
        kept: how many units the mask for the rule keeps, of how many there are.
        units: of the network that masks are over.
        found: how many of the planted units the mask keeps.
        by_chance: how many of them a random mask keeps that has as many units in each tensor.
        beyond: how many units the mask keeps that no mask of the study's own functions keeps.
        found_beyond: how many of these were planted.
        told_before: share of the rule's answers that were right before planting.
        told: after it.
        told_masked: under the mask.
        told_without: without the planted units.
        scores_before: of the study's own functions, before planting.
        scores: after it: what planting did to them.
    """

    failed: str = ""
    planted: int = 0
    by_tensor: Mapping[str, int] = field(default_factory=dict)
    kept: int = 0
    units: int = 0
    found: int = 0
    by_chance: float = 0.0
    beyond: int = 0
    found_beyond: int = 0
    told_before: float = 0.0
    told: float = 0.0
    told_masked: float = 0.0
    told_without: float = 0.0
    scores_before: Scores | None = None
    scores: Scores | None = None


@dataclass(frozen=True)
class DisjointInputs:
    """Masks of one function that were found on disjoint parts of its data: a second ceiling, beside that of two repeats.

    Args:
        function: its name.
        kinds: of inputs, in order; halves of the data if the user did not say kinds.
        parts: of data of each kind.
        kept: units of the mask of each kind.
        dice: mean overlap of every two of these masks.
        floor: what their sizes alone give.
        scores: of the function under each of them, on all its data.
    """

    function: str
    kinds: tuple[str, ...]
    parts: tuple[int, ...]
    kept: tuple[int, ...]
    dice: float
    floor: float
    scores: tuple[float, ...]


@dataclass(frozen=True)
class OwnResult:
    """The lower end of the scale on which the claims are judged, what masks of other sizes keep, and transfer between masks.

    Args:
        emptied: scores of the network without any weight that a mask is over: what is scored for nothing.
        curves: behaviour against size, for each mask that was found along a path.
        transfers: between the masks of every two functions, and between those of one function; none in earlier records.
        kinships: of a series, the overlaps with the masks on the state before, and on the last.
        spike_in: whether planted weights were found; None where this was not tried.
        disjoint: of each function, masks from disjoint inputs; none where they were not sought.
    """

    emptied: Scores
    curves: tuple[MaskCurve, ...] = ()
    transfers: tuple[MaskTransfer, ...] = ()
    kinships: tuple[Kinship, ...] = ()
    spike_in: SpikeIn | None = None
    disjoint: tuple[DisjointInputs, ...] = ()
