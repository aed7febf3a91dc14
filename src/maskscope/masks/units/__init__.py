"""What one bit of a mask stands for: a weight, a row, a column, a filter, a head, a tensor or a block."""

from maskscope.masks.units.group import UnitGroup, faults_of_groups, single_weights
from maskscope.masks.units.heads import Heads
from maskscope.masks.units.layout import Layout
from maskscope.masks.units.roles import Role
from maskscope.masks.units.rules import UNITS, Rule, UnitRule, Units, groups_of
from maskscope.masks.units.values import collapsed, expanded, faults_of_values, torn, unit_shapes

__all__ = [
    "UNITS",
    "Heads",
    "Layout",
    "Role",
    "Rule",
    "UnitGroup",
    "UnitRule",
    "Units",
    "collapsed",
    "expanded",
    "faults_of_groups",
    "faults_of_values",
    "groups_of",
    "single_weights",
    "torn",
    "unit_shapes",
]
