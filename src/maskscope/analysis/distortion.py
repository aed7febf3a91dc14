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
    """The cosine between the gradient with a mask on some layers and the gradient without a mask.

    Args:
        masked: the tensors that the mask is applied to.
        total: the cosine over all tensors together.
        by_tensor: the cosine of each tensor; NaN where one of the gradients is 0.
    """

    masked: tuple[str, ...]
    total: float
    by_tensor: Mapping[str, float]


def gradient_cosine(
    network: nn.Module, loss: Loss, parts: Sequence[Any], mask: BinaryMask, layers: Sequence[Sequence[str]]
) -> list[GradientCosine]:
    """Applies a mask to the first i layers of a list, i = 0, 1, ..., and compares the gradient with the unmasked network's.

    It is the gradient of the mean loss over the parts, with respect to all tensors of the mask. From i = 1 on, the gradients are
    compared only on the weights that the mask keeps, in all layers, also in those that the mask is not applied to.

    Args:
        network: any module; runs in eval mode and is not changed.
        loss: ``loss(network, part)``, a scalar.
        parts: the data, in parts of equal size.
        mask: covers the weights with respect to which the gradient is taken.
        layers: the tensors of each layer, in the order in which the mask is applied; in the paper's code, from the output down.

    Raises:
        BatchesError: ``parts`` is empty.

    Source: Csordás et al. 2021, `cifar10_cos_distance` in their code; no result of it was published. We understand "the full
    mask" there as this mask in all layers.
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
        gates = {name: kept[name] if name in applied else everything[name] for name in weights}
        shown = masked_weights(weights, gates, mask.off.of(weights))
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
