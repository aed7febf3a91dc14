"""Fitting the weights of a network: an ordinary training run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from maskscope.errors import ConfigError, LossError
from maskscope.masks import BackwardPass, Loss, PackedLSTMMode
from maskscope.masks.gradient import NO_PATH
from maskscope.training.batches import Batches, PartSource
from maskscope.training.checkpoint import Checkpoint
from maskscope.training.loop import LoopConfig, LoopResult, run_loop
from maskscope.training.objective import Objective
from maskscope.training.observers import Observer


@dataclass(frozen=True)
class FitConfig(LoopConfig):
    """How a network is trained; the paper has Adam 1e-3 and clipping at 1, and SGD for ResNet-110.

    Args:
        milestones: steps from which on the learning rate is a tenth of what it was.
        warmup: steps over which the learning rate rises linearly to what it is then.
    """

    milestones: tuple[int, ...] = ()
    warmup: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(step < 0 for step in self.milestones) or list(self.milestones) != sorted(set(self.milestones)):
            raise ConfigError(f"milestones is {self.milestones}; growing numbers of steps were expected.")
        if self.warmup < 0:
            raise ConfigError(f"warmup is {self.warmup}; a number of at least 0 was expected.")


class WeightObjective(Objective):
    """All parameters of a network, and its loss on one part a step."""

    def __init__(self, network: nn.Module, loss: Loss, batches: Batches, config: FitConfig) -> None:
        self._network, self._loss, self._source = network, loss, PartSource(batches)
        self._config, self._backward = config, BackwardPass()
        self.device = next(network.parameters()).device

    @property
    def parameters(self) -> list[list[Tensor]]:
        """See `Objective.parameters`."""
        return [[parameter for parameter in self._network.parameters() if parameter.requires_grad]]

    def state(self) -> dict[str, Tensor]:
        """See `Objective.state`: parameters and buffers."""
        return dict(self._network.named_parameters()) | dict(self._network.named_buffers())

    def learning_rate_factor(self, step: int) -> float:
        """See `Objective.learning_rate_factor`."""
        risen = min(1.0, (step + 1) / self._config.warmup) if self._config.warmup else 1.0
        return float(risen * 0.1 ** sum(milestone <= step for milestone in self._config.milestones))

    def accumulate(self, step: int) -> Tensor:
        """See `Objective.accumulate`."""
        (parameters,) = self.parameters
        reached_before = [parameter.grad is not None for parameter in parameters]
        with PackedLSTMMode():
            value = self._loss(self._network, self._source.part(step))
        self._backward.run(value, parameters)
        if all(parameter.grad is None for parameter in parameters):
            raise LossError(NO_PATH)
        for parameter, before in zip(parameters, reached_before, strict=True):
            if before and parameter.grad is None:  # Adam's moments go on fading
                parameter.grad = torch.zeros_like(parameter)
        return value.detach().reshape(1)


def fit(
    network: nn.Module,
    loss: Loss,
    batches: Batches,
    *,
    config: FitConfig,
    seed: int,
    observers: Sequence[Observer] = (),
    checkpoint: Checkpoint | Path | None = None,
) -> LoopResult:
    """Trains all parameters of a network in place, in training mode; its modes and ``.grad`` are then as they were.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar.
        batches: a function of the step, or an iterable; one part a step.
        config: steps, learning rate, clipping.
        seed: for whatever the network draws (dropout).
        observers: who watches.
        checkpoint: where to keep the state of the run.
    """
    modes = [(module, module.training) for module in network.modules()]
    gradients = [(parameter, parameter.grad) for parameter in network.parameters()]
    network.train()
    try:
        for parameter, _ in gradients:
            parameter.grad = None
        return run_loop(
            WeightObjective(network, loss, batches, config),
            config,
            seed=seed,
            identity={"what": "fit", "format": 3, "seed": seed, "config": repr(config)},
            observers=[observers],
            checkpoint=Checkpoint(checkpoint) if isinstance(checkpoint, Path) else checkpoint,
        )
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, gradient in gradients:
            parameter.grad = gradient
