"""The objective that a user names, or makes of functions. To add a named one, write a class and a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.tasks.named_objectives import Labels, Unmasked, Values
from maskscope.tasks.objective import Loss, Objective, Score


@dataclass(frozen=True)
class OwnObjective(Objective):
    """The user's own loss and score, ``loss(network, part)`` and ``score(network, part)``."""

    own_loss: Loss
    own_score: Score

    def loss(self, network: nn.Module, part: Any, answers: Any) -> Any:
        """The user's."""
        return self.own_loss(network, part)

    def score(self, network: nn.Module, part: Any, answers: Any) -> Any:
        """The user's."""
        return self.own_score(network, part)


OBJECTIVES: Mapping[str, Objective] = {"labels": Labels(), "unmasked": Unmasked(), "values": Values()}


def objective_of(loss: object, score: object) -> Objective:
    """The objective that a user names, or makes of functions.

    Args:
        loss: a name, an objective, or a function ``loss(network, part) -> scalar``.
        score: a function ``score(network, part)``; None: that of the named loss.

    Raises:
        ConfigError: neither is any of these, or a loss of one's own has no score.
        UnknownNameError: there is no loss of that name.
    """
    if isinstance(loss, str):
        if loss not in OBJECTIVES:
            raise UnknownNameError("loss", loss, OBJECTIVES)
        loss = OBJECTIVES[loss]
    if score is not None and not callable(score):
        raise ConfigError(f"score is of the type {type(score).__name__}; a function score(network, part) was expected.")
    if isinstance(loss, Objective):
        return loss if score is None else _Scored(loss, score)
    if not callable(loss):
        raise ConfigError(
            f"loss is of the type {type(loss).__name__}; a function loss(network, part), or one of the names "
            f"{', '.join(OBJECTIVES)}, was expected."
        )
    if score is None:
        raise ConfigError(
            "A loss of one's own needs a score: give score=, a function of a network and a part that returns a number from 0 to "
            "1 for each item, such as network(x).argmax(-1) == y."
        )
    return OwnObjective(loss, score)


@dataclass(frozen=True)
class _Scored(Objective):
    """A named loss with the user's own score."""

    objective: Objective
    own_score: Score

    @property
    def compares(self) -> bool:
        """As the named loss."""
        return self.objective.compares

    def answers(self, network: nn.Module, part: Any) -> Any:
        """Those of the named loss."""
        return self.objective.answers(network, part)

    def check(self, network: nn.Module, part: Any) -> None:
        """As the named loss."""
        self.objective.check(network, part)

    def loss(self, network: nn.Module, part: Any, answers: Any) -> Any:
        """The named one."""
        return self.objective.loss(network, part, answers)

    def score(self, network: nn.Module, part: Any, answers: Any) -> Any:
        """The user's."""
        return self.own_score(network, part)
