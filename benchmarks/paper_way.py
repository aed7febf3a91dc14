"""A mask step of a feed-forward network as the authors' code does it: the yardstick of `step.py`.

Two uniforms and three logarithms a draw, soft gates, hard gates through a detached difference, batched products; everything by
autograd. Written for this benchmark from the description of the method (Csordás et al. 2021, section 2).
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

EPSILON = 1e-10

LossOfScores = Callable[[Callable[[Tensor], Tensor], int], Tensor]


def paper_step(layers: Iterable[nn.Module], loss: LossOfScores, samples: int, alpha: float) -> Callable[[int], None]:
    """A function of the step number that does one step.

    Args:
        layers: linear layers with ReLU between them.
        loss: of a function from inputs to scores, and the step.
        samples: S.
        alpha: factor of the sum of logits.
    """
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    weights, biases = [layer.weight.detach() for layer in linear], [layer.bias.detach() for layer in linear]
    logits = [torch.full_like(weight, 2.0).requires_grad_() for weight in weights]
    optimizer = torch.optim.Adam(logits, lr=1e-9, foreach=True)

    def masked(weight: Tensor, logit: Tensor) -> Tensor:
        first, second = torch.rand(2, samples, *weight.shape, device=weight.device)
        noise = -torch.log(torch.log(second + EPSILON) / torch.log(first + EPSILON) + EPSILON)
        soft = torch.sigmoid(logit + noise)
        hard = (soft > 0.5).to(soft.dtype)
        return weight * ((hard - soft).detach() + soft)

    def forward(x: Tensor) -> Tensor:
        h = x.view(samples, -1, x.shape[-1])
        for place, (weight, bias, logit) in enumerate(zip(weights, biases, logits, strict=True)):
            h = torch.baddbmm(bias[None, None], h, masked(weight, logit).transpose(1, 2))
            h = h.relu() if place + 1 < len(weights) else h
        return h.reshape(x.shape[0], -1)

    def step(number: int) -> None:
        optimizer.zero_grad()
        value = loss(forward, number) + alpha * torch.stack([logit.sum() for logit in logits]).sum()
        torch.autograd.backward(value)
        torch.nn.utils.clip_grad_norm_(logits, 1.0)
        optimizer.step()

    return step
