"""Sizes by name: what decides how large a mask becomes. To add one, add one class to `size.py` and a control in training."""

from maskscope.masks.sizes.pull import PULLS, Pull, pull_named
from maskscope.masks.sizes.size import BEHAVIOURS, SIZES, Behaviour, BehaviourKept, Penalty, Size, TargetDensity

__all__ = [
    "BEHAVIOURS",
    "PULLS",
    "SIZES",
    "Behaviour",
    "BehaviourKept",
    "Penalty",
    "Pull",
    "Size",
    "TargetDensity",
    "pull_named",
]
