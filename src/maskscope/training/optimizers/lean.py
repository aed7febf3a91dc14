"""The lean state of a search: 8 bytes a logit instead of 16. Logits and second moments are kept in bfloat16, without momentum.

A step is torch's own Adam with a first decay rate of 0, in float32, on one block of logits after the other. What is kept of a
block afterwards is rounded stochastically by the counter, with bits that follow from the mask's seed, the step and the index of
the logit in its tensor: a search that is resumed, or whose samples are shared among processes, rounds in the same way. Each
stage of a path of penalties has an optimizer of its own, whose bits begin anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import BFloat16, Float32
from torch import Tensor
from torch.optim.adam import adam

from maskscope.masks import MaskLogits, Noise
from maskscope.masks.kernels import Address, Kernels
from maskscope.training.optimizers.without_compiler import WithoutCompiler

# logits that are updated at a time: four float32 buffers of this length are in memory beside the state
_BLOCK = 1 << 20


@dataclass(frozen=True)
class LeanMask:
    """The logits of one mask with their gradient.

    Args:
        logits: in bfloat16.
        gradient: in their order.
        noise: the identity of the mask's random stream; the rounding has purposes of its own.
    """

    logits: MaskLogits
    gradient: Float32[Tensor, " n"]
    noise: Noise

    @property
    def carrier(self) -> Tensor:
        """A float32 tensor that takes no memory and can have the gradient as its ``.grad``: bfloat16 logits cannot."""
        return torch.zeros((), dtype=torch.float32, device=self.gradient.device).expand(self.gradient.shape)


@final
class LeanAdam(WithoutCompiler, torch.optim.Optimizer):
    """Adam without a first moment on bfloat16 logits; its second moment is in bfloat16, too.

    Args:
        masks: whose logits are learned.
        kernels: for the rounding.
        lr: the learning rate.
        beta: the decay rate of the second moment.
        eps: the number that is added to its root.
    """

    def __init__(self, masks: Sequence[LeanMask], kernels: Kernels, *, lr: float, beta: float = 0.999, eps: float = 1e-8) -> None:
        self._masks, self._kernels = list(masks), kernels
        super().__init__([mask.logits.flat for mask in masks], {"lr": lr, "beta": beta, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Moves the logits by their gradients."""
        del closure
        (group,) = self.param_groups
        for mask, flat in zip(self._masks, group["params"], strict=True):
            state = self.state[flat]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32)
                state["exp_avg_sq"] = torch.zeros_like(flat)
            logits, moments, gradients = (mask.logits.by_unit(one) for one in (flat, state["exp_avg_sq"], mask.gradient))
            for name, own in logits.items():
                keys = [_key(mask.noise, kept, name) for kept in ("logits", "moments")]
                squares, gradient = moments[name].view(-1), gradients[name].view(-1)
                self._move(own.view(-1), squares, gradient, int(state["step"]), keys, group)
            state["step"] += 1

    def _move(
        self,
        logits: BFloat16[Tensor, " n"],
        moments: BFloat16[Tensor, " n"],
        gradient: Float32[Tensor, " n"],
        step: int,
        keys: Sequence[tuple[int, int]],
        group: Mapping[str, Any],
    ) -> None:
        for start in range(0, logits.numel(), _BLOCK):
            here = slice(start, start + _BLOCK)
            moved, squares = logits[here].float(), moments[here].float()
            adam(
                *([moved], [gradient[here]], [torch.zeros_like(moved)], [squares], []),
                [torch.tensor(float(step), device=moved.device)],
                foreach=False,
                fused=True,
                amsgrad=False,
                beta1=0.0,
                beta2=group["beta"],
                lr=group["lr"],
                weight_decay=0.0,
                eps=group["eps"],
                maximize=False,
            )
            for values, out, key in ((moved, logits, keys[0]), (squares, moments, keys[1])):
                self._kernels.round_by_chance(values, Address(key, step, first=start), out[here])


def _key(noise: Noise, kept: str, name: str) -> tuple[int, int]:
    return Noise(noise.seed, noise.mask, noise.repeat, f"rounding-of-{kept}").key(name)
