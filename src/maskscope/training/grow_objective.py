"""The objective of growing: the logits of one mask and the free weights, trained together by the loop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from maskscope.errors import ConfigError
from maskscope.masks import LearnedMask, Loss, MaskLogits, gate, make_executor, make_kernels
from maskscope.masks.kernels import Kernels
from maskscope.masks.laws import check_guest
from maskscope.masks.sample import Noise
from maskscope.masks.sizes import Penalty, pull_named
from maskscope.training.batches import Batches, StepParts
from maskscope.training.mask_config import SCHEDULES, MaskConfig
from maskscope.training.objective import Objective


class GrowthObjective(Objective):
    """One track: the mean loss of S sampled masks, each on its own part, plus the penalty; logits and free weights are trained.

    Args:
        network: the network; its parameters are trained in place, and their ``.grad`` is set.
        loss: ``loss(network, part)``, a scalar.
        batches: the source of the parts.
        logits: the logits of the mask; changed in place.
        free: for each selected weight a bool tensor, False where it must not change; None if all weights are free.
        noise: the identity of the mask's random stream.
        config: the settings.
        executor: the name of the executor.
        kernels: the name of the kernels.
        say: called with a line of text during a long preparation.
        check: whether to check the laws of `maskscope.masks.laws` first.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        batches: Batches,
        logits: MaskLogits,
        free: Mapping[str, Tensor] | None,
        noise: Noise,
        config: MaskConfig,
        executor: str,
        kernels: str,
        say: Callable[[str], object],
        check: bool = True,
    ) -> None:
        self._network, self._loss, self._is_unchecked = network, loss, check
        self.logits, self._config, self._parts = logits, config, StepParts([batches])
        self.device = logits.flat.device
        parameters = dict(network.named_parameters())
        self._kernels = make_kernels(self.device, kernels)
        self._weights = {name: _Trained.of(parameters[name], free[name] if free else None) for name in logits.selection.names}
        logits.flat.grad = torch.zeros_like(logits.flat)
        self._penalty = _penalty_of(config)
        self._estimator, self._share_done = config.made_estimator, 0.0
        law = self._estimator.law()
        weights = {name: weight.values for name, weight in self._weights.items()}
        self._kernels.prepare(law, {(weight.dtype, weight.dtype) for weight in weights.values()}, say)
        gradients = {name: weight.gradient for name, weight in self._weights.items()}
        units = gate(weights, weights, [LearnedMask(logits, logits.flat.grad, noise)], self._kernels, law, gradients)
        self._executor = make_executor(executor, network, loss, units)

    @property
    def parameters(self) -> list[list[Tensor]]:
        """See `Objective.parameters`."""
        return [[self.logits.flat, *(weight.parameter for weight in self._weights.values())]]

    def state(self) -> dict[str, Tensor]:
        """See `Objective.state`."""
        weights = {f"weights/{name}": weight.parameter for name, weight in self._weights.items()}
        return {"logits": self.logits.flat} | weights | self._executor.state()

    def measures(self, track: int) -> dict[str, float]:
        """The density of the current mask, and the share of undecided weights."""
        del track
        edge = self._estimator.undecided_below(self._share_done)
        return {"density": self.logits.density(), "undecided": self.logits.undecided(edge)}

    def sizing(self, track: int) -> dict[str, float]:
        """See `Objective.sizing`."""
        del track
        return {"penalty": self._penalty.weight}

    def learning_rate_factor(self, step: int) -> float:
        """See `Objective.learning_rate_factor`."""
        return SCHEDULES[self._config.schedule](step / self._config.steps)

    def close(self) -> None:
        """See `Objective.close`."""
        self._executor.close()

    def accumulate(self, step: int) -> Float[Tensor, " tracks"]:
        """Computes the gradients of a step, from the gradient g_k of sample k's loss with respect to the masked weights w * b_k.

        Gradient of the logits = that of the penalty + mean over k of  w * g_k * slope_k.
        Gradient of the weights = mean over k of  b_k * g_k,  and 0 for weights that are not free; b_k is the value of the gate.
        """
        self._share_done = step / self._config.steps
        law = self._estimator.law(self._share_done)
        for unit in self._executor.units.values():
            unit.law = law
        assert self.logits.flat.grad is not None
        parts = self._parts.lend(step, self._config.parts_per_step)
        if step == 0 and self._is_unchecked:
            check_guest(self._executor, [self.logits], parts)
            self._is_unchecked = False
        pull_named(self._penalty.of).begin_gradient(self.logits.flat, self._penalty.weight, 1.0, self.logits.flat.grad)
        for weight in self._weights.values():
            weight.begin()
        losses = self._executor.add_gradients(step, parts, self._config.samples)
        self._parts.take_back()
        for weight in self._weights.values():
            weight.end(self._kernels)
        return losses


def _penalty_of(config: MaskConfig) -> Penalty:
    if not isinstance(config.size, Penalty):
        raise ConfigError(
            f"grow learns weights and mask together and needs a penalty; size is {config.size.name}. Give size=Penalty(weight)."
        )
    return config.size


@dataclass(frozen=True)
class _Trained:
    """A parameter, with its values and its gradient as contiguous tensors, which the kernels need.

    If the parameter is contiguous, they are its own memory and its ``.grad``; else they are copies.
    """

    parameter: nn.Parameter
    values: Tensor
    gradient: Tensor
    free: Tensor | None

    @classmethod
    def of(cls, parameter: nn.Parameter, free: Tensor | None) -> "_Trained":
        parameter.grad = torch.zeros_like(parameter)
        values, gradient = parameter.detach().contiguous(), parameter.grad.contiguous()
        gates = None if free is None else free.to(parameter.device, torch.uint8).contiguous().view(-1)
        return cls(parameter, values, gradient, gates)

    def begin(self) -> None:
        """Before a step: updates the copy of the values if there is one, and sets the gradient to 0."""
        if not self.parameter.is_contiguous():
            self.values.copy_(self.parameter.detach())
        self.gradient.zero_()

    def end(self, kernels: Kernels) -> None:
        """After a step: sets the gradient to exactly 0 where the weight is not free, so that a new Adam does not change it."""
        if self.free is not None:
            flat = self.gradient.view(-1)
            kernels.copy_open(flat, self.free, 0, flat[None])
        if not self.parameter.is_contiguous():
            assert self.parameter.grad is not None
            self.parameter.grad.copy_(self.gradient)
