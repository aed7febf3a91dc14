"""Trains the weights of a network: an ordinary training run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from maskscope.errors import ConfigError, LossError
from maskscope.masks import BackwardPass, Loss, PackedLSTMMode
from maskscope.masks.call import has_modes_of_its_own
from maskscope.masks.gradient import NO_PATH
from maskscope.masks.maskable import untrainable
from maskscope.masks.selection import dtype_name
from maskscope.storage import Json, digest
from maskscope.training.batches import Batches, StepParts
from maskscope.training.checkpoint import Checkpoint, as_checkpoint, require_storable, values_digest
from maskscope.training.loop import LoopConfig, LoopResult, run_loop
from maskscope.training.objective import Objective
from maskscope.training.observers import Observer
from maskscope.training.surroundings import usual_mode


@dataclass(frozen=True)
class FitConfig(LoopConfig):
    """How a network is trained; the paper uses Adam with 1e-3 and clipping at 1, and SGD for ResNet-110.

    Args:
        milestones: steps at which the learning rate is divided by 10.
        warmup: the number of steps over which the learning rate rises linearly to its full value.
    """

    milestones: tuple[int, ...] = ()
    warmup: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(step < 0 for step in self.milestones) or list(self.milestones) != sorted(set(self.milestones)):
            raise ConfigError(f"milestones is {self.milestones}; growing numbers of steps were expected.")
        if self.warmup < 0:
            raise ConfigError(f"warmup is {self.warmup}; a number of at least 0 was expected.")

    def learning_rate_factor(self, step: int) -> float:
        """The factor of the learning rate in a step."""
        risen = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return float(risen * 0.1 ** sum(milestone <= step for milestone in self.milestones))


class WeightObjective(Objective):
    """Trains the parameters of a network on its loss, with one part of data for each step."""

    def __init__(self, network: nn.Module, loss: Loss, batches: Batches, config: FitConfig) -> None:
        self._network, self._loss, self._parts = network, loss, StepParts([batches])
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
        return self._config.learning_rate_factor(step)

    def accumulate(self, step: int) -> Tensor:
        """See `Objective.accumulate`."""
        (parameters,) = self.parameters
        reached_before = [parameter.grad is not None for parameter in parameters]
        ((part,),) = self._parts.lend(step, 1)
        with PackedLSTMMode():
            value = self._loss(self._network, part)
        self._backward.run(value, parameters)
        self._parts.take_back()
        if all(parameter.grad is None for parameter in parameters):
            raise LossError(NO_PATH)
        for parameter, before in zip(parameters, reached_before, strict=True):
            if parameter.grad is None and before:  # a zero gradient, so that Adam's moments continue to decay
                parameter.grad = torch.zeros_like(parameter)
            elif parameter.grad is not None and parameter.grad.layout is not torch.strided:
                parameter.grad = parameter.grad.to_dense()  # nn.Embedding(sparse=True) gives sparse ones, which Adam refuses
        return value.detach().reshape(1)


def fit(
    network: nn.Module,
    loss: Loss,
    batches: Batches,
    *,
    config: FitConfig,
    seed: int,
    observers: Sequence[Observer] = (),
    checkpoint: Checkpoint | str | Path | None = None,
) -> LoopResult:
    """Trains all parameters of a network in place, in training mode; its modes and ``.grad`` are restored afterwards.

    Sparse gradients are made dense, so each step updates all elements of a parameter.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar.
        batches: a function of the step, or an iterable; each step uses one part.
        config: steps, learning rate, clipping.
        seed: the seed of the random numbers that the network draws (dropout).
        observers: objects that watch the run.
        checkpoint: where to save the state of the run; if the file exists, the run is resumed from it. The network must have the
            names, shapes and values from the start of the run, or those at its interruption. The loss and the data cannot be
            compared, so use a separate file for each run.

    Raises:
        ConfigError: nothing can be trained; or the checkpoint belongs to another run, or the network cannot be saved in it.
        FileFormatError: the checkpoint is damaged.
        LossError: the loss is not a scalar, or has no gradient with respect to the parameters.
        NotFiniteError: a gradient is NaN or infinite.
        BatchesError: the batches are empty or end too early.

    Examples:
        >>> import torch, maskscope as ms
        >>> network, x = torch.nn.Linear(2, 1), torch.eye(2)
        >>> def loss(net, part):
        ...     return (net(part).squeeze(1) - torch.tensor([1.0, -1.0])).square().mean()
        >>> result = ms.fit(network, loss, [x], config=ms.FitConfig(steps=100, learning_rate=0.1), seed=0)
        >>> bool(loss(network, x) < 0.01)
        True
    """
    checkpoint = as_checkpoint(checkpoint)
    require_trainable(network)
    objective = WeightObjective(network, loss, batches, config)
    identity: Json = {"what": "fit", "format": 4, "seed": seed, "config": repr(config)}
    if checkpoint:
        require_storable(objective.state())
        trained = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
        layout = [[name, dtype_name(tensor), list(tensor.shape)] for name, tensor in objective.state().items()]
        identity |= {"network": digest([layout, trained]), "weights": values_digest(objective.state())}
    with usual_mode(), in_training(network):
        result = run_loop(objective, config, seed=seed, identity=identity, observers=[observers], checkpoint=checkpoint)
    for observer in observers:
        observer.found({"seconds": result.seconds})
    return result


@contextmanager
def in_training(network: nn.Module) -> Iterator[None]:
    """Training mode and no ``.grad`` inside the ``with`` block; both are restored afterwards, also on an error."""
    modes = [(module, module.training) for module in network.modules()]
    gradients = [(parameter, parameter.grad) for parameter in network.parameters()]
    network.train()
    try:
        for parameter, _ in gradients:
            parameter.grad = None
        yield
    finally:
        if has_modes_of_its_own(network):
            network.train(modes[0][1])  # adapters that were merged before training are merged again, with their new values
        for module, mode in modes:
            module.training = mode
        for parameter, gradient in gradients:
            parameter.grad = gradient


def require_trainable(network: nn.Module) -> None:
    """Raises `ConfigError` if there is nothing to train, or if a parameter cannot be trained in place."""
    parameters = dict(network.named_parameters())
    if not parameters:
        raise ConfigError(f"The network ({type(network).__name__}) has no parameters, so there is nothing to train.")
    trained = {name: parameter for name, parameter in parameters.items() if parameter.requires_grad}
    if not trained:
        raise ConfigError(
            f"None of the {len(parameters)} parameters of the network requires a gradient, so there is nothing to train. Call "
            "network.requires_grad_() to train all of them."
        )
    faults = [f"{name} {fault}" for name, parameter in trained.items() if (fault := untrainable(parameter))]
    if faults:
        raise ConfigError("These parameters cannot be trained in place:\n  " + "\n  ".join(faults))
