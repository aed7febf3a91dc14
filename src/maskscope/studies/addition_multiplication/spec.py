"""Settings of addition/multiplication."""

from dataclasses import dataclass

from maskscope.studies.arithmetic.spec import ArithmeticSpec


@dataclass(frozen=True)
class AdditionMultiplicationSpec(ArithmeticSpec):
    """Addition and multiplication modulo a power of ten in one network (paper, section 3.1)."""
