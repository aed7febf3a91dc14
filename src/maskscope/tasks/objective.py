"""What is asked of a network on a part: a loss and a score."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

Loss = Callable[[nn.Module, Any], Tensor]
Score = Callable[[nn.Module, Any], Any]


class Objective(ABC):
    """A loss and a score of a network on a part."""

    def answers(self, network: nn.Module, part: Any) -> Any:
        """What the unmasked network says of a part, if loss or score compare with it; None: they do not.

        Args:
            network: without a mask, in eval mode; gradients are off.
            part: of the data.
        """
        return None

    @property
    def compares(self) -> bool:
        """Whether loss and score compare with the unmasked network."""
        return False

    def check(self, network: nn.Module, part: Any) -> None:
        """Raises `LossError` if values of a part do not fit; asked once, because a search cannot look at values in every step."""
        return None

    @abstractmethod
    def loss(self, network: nn.Module, part: Any, answers: Any) -> Any:
        """Small where the network performs the function; who differentiates it asks whether it is a scalar tensor."""

    @abstractmethod
    def score(self, network: nn.Module, part: Any, answers: Any) -> Any:
        """A number from 0 to 1 for each item, or one share."""
