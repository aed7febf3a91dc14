"""How a mask distorts the gradient of the weights that it keeps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.errors import BatchesError
from maskscope.masks import BinaryMask, Loss, evaluation_mode, loss_and_gradient, masked_weights


@dataclass(frozen=True)
class GradientCosine:
    """The cosine of the gradient with a mask on some layers, and the gradient without.

    Args:
        masked: the tensors that the mask is applied to.
        total: over all tensors.
        by_tensor: each alone; NaN where one of the gradients is 0.
    """

    masked: tuple[str, ...]
    total: float
    by_tensor: Mapping[str, float]


def gradient_cosine(
    network: nn.Module, loss: Loss, parts: Sequence[Any], mask: BinaryMask, layers: Sequence[Sequence[str]]
) -> list[GradientCosine]:
    """Applies a mask to the first i of some layers, i = 0, 1, ..., and compares the gradient with the unmasked network's.

    The gradient is that of the mean loss over the parts, with respect to all tensors of the mask; from i = 1 on both gradients
    are looked at on the weights that the mask keeps, in every layer (also those that it is not applied to).

    Args:
        network: any module; runs in eval mode and is untouched.
        loss: ``loss(network, part)``, a scalar.
        parts: of equal size.
        mask: over the weights whose gradient is taken.
        layers: the tensors of each layer, in the order in which the mask is applied: from the output down, in the paper's code.

    Raises:
        BatchesError: there is no part.

    Source: Csordás et al. 2021, their code's `cifar10_cos_distance`, for which no result was published. "The full mask" there is
    read as this mask in all layers.
    """
    if not parts:
        raise BatchesError("gradient_cosine needs at least one part of data, and was given none.")
    parameters = dict(network.named_parameters())
    weights = {name: parameters[name].detach() for name in mask}
    kept = {name: bits.to(weights[name].device) for name, bits in mask.items()}
    everything = {name: torch.ones_like(bits) for name, bits in kept.items()}
    unmasked = _gradient(network, loss, parts, weights)
    found = [_compare((), unmasked, unmasked, everything)]
    for count in range(1, len(layers) + 1):
        applied = tuple(name for layer in layers[:count] for name in layer)
        shown = masked_weights(weights, {name: kept[name] if name in applied else everything[name] for name in weights})
        found.append(_compare(applied, _gradient(network, loss, parts, shown), unmasked, kept))
    return found


def _gradient(network: nn.Module, loss: Loss, parts: Sequence[Any], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    with evaluation_mode(network):
        for part in parts:
            for name, gradient in loss_and_gradient(network, loss, part, weights)[1].items():
                total[name] += gradient
    return total


def _compare(
    applied: tuple[str, ...], first: Mapping[str, Tensor], second: Mapping[str, Tensor], where: Mapping[str, Tensor]
) -> GradientCosine:
    pairs = {name: (first[name][bits].double(), second[name][bits].double()) for name, bits in where.items()}
    whole = tuple(torch.cat([pair[side] for pair in pairs.values()]) for side in (0, 1))
    return GradientCosine(applied, _cosine(*whole), {name: _cosine(*pair) for name, pair in pairs.items()})


def _cosine(first: Tensor, second: Tensor) -> float:
    lengths = float(first.norm() * second.norm())
    return float(first @ second) / lengths if lengths else math.nan
