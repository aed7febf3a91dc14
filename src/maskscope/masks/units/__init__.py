"""What one bit of a mask stands for: a weight, a row, a column, a filter, a head, a tensor or a block."""

from maskscope.masks.units.group import UnitGroup, expanded, faults_of_groups, single_weights, unit_shapes
from maskscope.masks.units.heads import Heads
from maskscope.masks.units.layout import Layout
from maskscope.masks.units.roles import Role
from maskscope.masks.units.rules import UNITS, Rule, UnitRule, Units, groups_of

__all__ = [
    "UNITS",
    "Heads",
    "Layout",
    "Role",
    "Rule",
    "UnitGroup",
    "UnitRule",
    "Units",
    "expanded",
    "faults_of_groups",
    "groups_of",
    "single_weights",
    "unit_shapes",
]
