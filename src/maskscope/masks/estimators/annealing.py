"""How a temperature changes over the steps of a search."""

import math
from dataclasses import dataclass

from maskscope.errors import ConfigError, UnknownNameError

SHAPES = ("geometric", "linear")


@dataclass(frozen=True)
class Annealing:
    """A temperature that goes from one value to another.

    Args:
        start: the temperature before the first step, above 0.
        end: the temperature after the last step, above 0.
        shape: ``geometric``: every step multiplies it by the same factor; ``linear``: every step adds the same amount.

    Examples:
        >>> import maskscope as ms
        >>> ms.Annealing(1.0, 0.01).at(0.5)
        0.1
    """

    start: float
    end: float
    shape: str = "geometric"

    def __post_init__(self) -> None:
        if not all(0 < value < math.inf for value in (self.start, self.end)):
            raise ConfigError(f"annealing goes from {self.start} to {self.end}; two finite numbers above 0 were expected.")
        if self.shape not in SHAPES:
            raise UnknownNameError("shape of annealing", self.shape, SHAPES)

    @property
    def is_constant(self) -> bool:
        """Whether the temperature does not change."""
        return self.start == self.end

    def at(self, share: float) -> float:
        """The temperature after this share of the steps, in [0, 1]."""
        if self.is_constant:  # not left to the formulas, which round
            return self.start
        if self.shape == "linear":
            return (1 - share) * self.start + share * self.end
        return float(self.start ** (1 - share) * self.end**share)
