"""How sizes of masks are brought about during a search: a control for each kind of size."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from maskscope.errors import ConfigError
from maskscope.masks import Estimator
from maskscope.masks.sizes import BehaviourKept, Penalty, Size, TargetDensity
from maskscope.training.sizing.control import PenaltyControl, SizeControl
from maskscope.training.sizing.curve import CurvePoint
from maskscope.training.sizing.density import DensityControl
from maskscope.training.sizing.held_out import HeldOut, Standing
from maskscope.training.sizing.path import PathControl, stages_of

__all__ = [
    "CurvePoint",
    "DensityControl",
    "HeldOut",
    "PathControl",
    "PenaltyControl",
    "SizeControl",
    "Standing",
    "make_control",
    "most_steps",
    "require_fit",
]


def make_control(
    size: Size,
    estimator: Estimator,
    steps: int,
    logits: Sequence[Tensor],
    crowding: Sequence[Tensor | None],
    ends: Tensor,
    held_out: HeldOut | None,
    least: int,
) -> SizeControl[Any]:
    """The control that brings about a size.

    Args:
        size: what is asked for.
        estimator: how logits become gates.
        steps: of one search.
        logits: of each mask; a control may change them between steps.
        crowding: for each mask, what its penalty is multiplied by, by unit; None for 1 everywhere.
        ends: for each mask, the loss of the whole network and that of the emptied one, on the data of the first step; live.
        held_out: the held-out data of a path.
        least: how many steps a stage of a path has at least.

    Raises:
        ConfigError: size and estimator do not go together.
    """
    require_fit(size, estimator)
    match size:
        case Penalty():
            return PenaltyControl(size, estimator, steps, logits, crowding)
        case TargetDensity():
            return DensityControl(size, estimator, steps, logits, crowding, ends)
        case BehaviourKept():
            assert held_out is not None, "a path has held-out data"
            return PathControl(size, estimator, steps, logits, crowding, held_out, least)
    raise TypeError(f"there is no control for a size of type {type(size).__name__}")


def most_steps(size: Size, steps: int, least: int) -> int:
    """The most steps that a search of ``steps`` steps takes with a size; ``least`` as for `make_control`."""
    return stages_of(size, steps, least)[-1] if isinstance(size, BehaviourKept) else steps


def require_fit(size: Size, estimator: Estimator) -> None:
    """Raises `ConfigError` if a size does not go together with an estimator."""
    if estimator.exact and not isinstance(size, TargetDensity):
        raise ConfigError(
            f"The estimator exact-k keeps a given number of units, and size is {size.name}. Give size=TargetDensity(share), or "
            "take another estimator."
        )
