"""What decides how large a mask becomes: what it pays for its size, how large it is to be, or what it has to keep."""

import math
from abc import ABC
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

from maskscope.errors import ConfigError
from maskscope.masks.sizes.pull import pull_named
from maskscope.storage import Json

Behaviour = Literal["score", "loss", "kl"]
BEHAVIOURS: tuple[Behaviour, ...] = ("score", "loss", "kl")


@dataclass(frozen=True)
class Size(ABC):
    """How the size of a mask is decided. It does not depend on the estimator, or on what one bit of the mask stands for."""

    name: ClassVar[str]
    shrinks_until_it_fails: ClassVar[bool] = False
    """Whether the last masks of a search are meant to fail, so that a high loss is no sign that something is wrong."""

    def as_json(self) -> Json:
        """Its name and its settings, for files that say how a mask was made."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Penalty(Size):
    """The mask pays for its size: the loss gets a term, and where the term and the loss balance, the search ends.

    Args:
        weight: alpha, the factor of the term; at least 0. Its unit is that of the loss, so a good value depends on network and
            loss.
        of: what is summed over the mask's units: ``logits`` (the paper) or keep ``probabilities``.
    """

    name: ClassVar[str] = "penalty"
    weight: float
    of: Literal["logits", "probabilities"] = "logits"

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise ConfigError(f"The weight of the penalty is {self.weight}; a finite number of at least 0 was expected.")
        pull_named(self.of)


@dataclass(frozen=True)
class TargetDensity(Size):
    """The mask is to keep a given share of its units.

    Args:
        share: above 0 and below 1. The mask keeps this share, rounded to whole units.
        reached_after: the share of the steps after which the target stands. Until then it falls from 1, by the same factor in
            every step, so that what is needed is found among ever fewer units.

    Examples:
        >>> import maskscope as ms
        >>> ms.TargetDensity(0.05).kept(units=1_000)
        50
    """

    name: ClassVar[str] = "target-density"
    share: float
    reached_after: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"The target density is {self.share}; a share above 0 and below 1 was expected.")
        if not 0 <= self.reached_after <= 1:
            raise ConfigError(f"reached_after is {self.reached_after}; a share of the steps from 0 to 1 was expected.")

    def kept(self, units: int) -> int:
        """How many of the units are kept.

        Raises:
            ConfigError: less than half a unit.
        """
        kept = round(self.share * units)
        if not kept:
            raise ConfigError(
                f"A density of {self.share} is less than half of one unit: there are {units} units. Ask for at least "
                f"{1 / units:.2g}."
            )
        return kept

    def target(self, share_of_steps: float, units: int) -> int:
        """How many units are kept when a share of the steps is done; at the end, `kept`."""
        if share_of_steps >= self.reached_after:
            return self.kept(units)
        left: float = (self.kept(units) / units) ** (share_of_steps / self.reached_after)
        return round(units * left)


@dataclass(frozen=True)
class BehaviourKept(Size):
    """The mask is to be the smallest, of a path of masks, that keeps a share of the network's behaviour on held-out data.

    On the scale of a behaviour, 0 is the network without any maskable unit, and 1 is the whole network. The path begins with a
    low penalty, and raises it from stage to stage; each stage starts from the units that the last mask kept. Where the behaviour
    is lost, the path goes back to the last mask that kept it, and raises the penalty by less (docs/method.md).

    Args:
        share: of the behaviour, above 0 and at most 1. A mask keeps it if it does so beyond doubt: the lower bound of a t
            interval over the items of the held-out parts (of a loss or a divergence: over the parts) is at least this.
        of: which behaviour: ``score`` (the user's function), ``loss``, or ``kl``: the Kullback-Leibler divergence from the
            outputs of the unmasked network, for which no labels are needed.
        parts: how many held-out parts of the data each mask of the path is judged on.
        cost: the steps of the whole path, as a multiple of the steps of one search; at least 1.
        error: the chance, over the whole path, that a mask is taken that does not keep the share; each look has its part of it.
    """

    name: ClassVar[str] = "behaviour-kept"
    shrinks_until_it_fails: ClassVar[bool] = True
    share: float = 0.95
    of: Behaviour = "score"
    parts: int = 16
    cost: float = 2.0
    error: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"The share of the behaviour to keep is {self.share}; above 0 and at most 1 was expected.")
        if self.of not in BEHAVIOURS:
            raise ConfigError(f"BehaviourKept is of {self.of!r}; one of {', '.join(BEHAVIOURS)} was expected.")
        if self.parts < 2:
            raise ConfigError(f"parts is {self.parts}; at least 2 held-out parts are needed to know what chance does.")
        if not self.cost >= 1:
            raise ConfigError(f"cost is {self.cost}; at least 1 was expected: the path needs the steps of one search.")
        if not 0 < self.error < 1:
            raise ConfigError(f"error is {self.error}; a chance above 0 and below 1 was expected.")


SIZES: dict[str, type[Size]] = {size.name: size for size in (Penalty, TargetDensity, BehaviourKept)}
