"""What is measured of a user's own network beside the scores under its masks."""

from dataclasses import dataclass

from maskscope.tasks import Scores


@dataclass(frozen=True)
class OwnResult:
    """The lower end of the scale on which the claims are judged.

    Args:
        emptied: scores of the network without any weight that a mask is over: what is scored for nothing.
    """

    emptied: Scores
