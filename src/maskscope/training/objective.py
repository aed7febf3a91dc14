"""What an objective is: it tells the training loop what is trained and what is minimised."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.training.optimizers.state import make_optimizer


class Objective(ABC):
    """One or more *tracks* that are trained together; each has its own parameters, loss, gradient norm and history."""

    device: torch.device

    @property
    @abstractmethod
    def parameters(self) -> list[list[Tensor]]:
        """For each track, the leaf tensors that are trained; their gradient is clipped together."""

    def optimizer(self, name: str, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
        """The optimizer of the parameters: the one with this name, unless the objective has one of its own."""
        return make_optimizer(name, [leaf for track in self.parameters for leaf in track], settings)

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Everything that changes during training, by name; the live tensors, not copies."""

    @abstractmethod
    def accumulate(self, step: int) -> Float[Tensor, " tracks"]:
        """Sets ``.grad`` of the parameters to the gradient of step ``step`` (from 0); returns the mean loss of each track."""

    def close(self) -> None:  # noqa: B027 - most objectives have nothing to release
        """Releases resources other than memory, such as threads; a later step creates them again."""

    def title(self, track: int) -> str:
        """The name of a track in messages."""
        del track
        return ""

    def measures(self, track: int) -> Mapping[str, float]:
        """Other quantities of a track to show; they may take long to compute."""
        del track
        return {}

    def sizing(self, track: int) -> Mapping[str, float]:
        """What brings about the size of a track's mask, in numbers (see `StepReport`); none unless it is for a mask."""
        del track
        return {}

    def reference_loss(self, track: int) -> float:
        """The loss to compare the loss of a track with; NaN if there is none."""
        del track
        return float("nan")

    def set_reference_loss(self, track: int, value: float) -> None:
        """Restores the reference loss of a resumed run."""
        del track, value

    def gradient_norm(self, gradients: Sequence[Tensor]) -> float:
        """The norm of the gradient of a track: of all its parts, also of those that other processes have."""
        return float(torch.nn.utils.get_total_norm(gradients))

    def agree(self, flag: bool) -> bool:
        """What all processes do, if this one would do it (or not): whether the flag is set in any of them."""
        return flag

    def learning_rate_factor(self, step: int) -> float:
        """The factor of the learning rate in a step."""
        del step
        return 1.0

    def after_step(self, step: int) -> bool:
        """Called when ``step`` steps are done. True if training begins anew from here, so that the optimizer is to forget."""
        del step
        return False

    def is_done(self, step: int) -> bool:
        """Whether training can stop early, after ``step`` steps."""
        del step
        return False
