"""Behaviour against size: the masks of a path, each with what it keeps."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from maskscope.storage import Json


@dataclass(frozen=True)
class CurvePoint:
    """One mask of a path.

    Args:
        penalty: its penalty, in units of what the loss gains from all units, for all units; see docs/method.md.
        kept: how many units it keeps.
        density: the share of the units that it keeps.
        behaviour: the share of the behaviour that it keeps, on held-out data; NaN if the network has none to keep.
        lower: the lower bound of that share.
        is_enough: whether the lower bound is at least the share that was asked for.
    """

    penalty: float
    kept: int
    density: float
    behaviour: float
    lower: float
    is_enough: bool

    def as_json(self) -> Json:
        """The numbers; None replaces NaN and infinity, which JSON does not have."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "CurvePoint":
        """Reads what `as_json` wrote."""
        numbers: dict[str, Any] = {name: math.nan if value is None else value for name, value in data.items()}
        return cls(**numbers)
