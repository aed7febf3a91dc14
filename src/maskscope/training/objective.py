"""What is trained and what is minimised: the arguments of the one loop."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor


class Objective(ABC):
    """One or more *tracks* that are trained together, each with a loss, a gradient norm and a history of its own."""

    device: torch.device

    @property
    @abstractmethod
    def parameters(self) -> list[list[Tensor]]:
        """For each track, the leaf tensors that are trained; their gradient is clipped together."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Everything that changes during training, by name; the live tensors."""

    @abstractmethod
    def accumulate(self, step: int) -> Float[Tensor, " tracks"]:
        """Sets ``.grad`` of the parameters to the gradient of step number ``step`` (from 0); returns each track's mean loss."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Gives back what is held beside memory, such as threads; a later step gets it anew."""

    def title(self, track: int) -> str:
        """What a track is called in messages."""
        del track
        return ""

    def measures(self, track: int) -> Mapping[str, float]:
        """Slower things worth showing."""
        del track
        return {}

    def reference_loss(self, track: int) -> float:
        """The loss that a track's is compared with; NaN if there is none."""
        del track
        return float("nan")

    def set_reference_loss(self, track: int, value: float) -> None:
        """Puts back what `reference_loss` said before the run was interrupted."""
        del track, value

    def learning_rate_factor(self, step: int) -> float:
        """What the learning rate is multiplied by in a step."""
        del step
        return 1.0

    def is_done(self, step: int) -> bool:
        """Whether training may end after ``step`` steps, before the last one."""
        del step
        return False
