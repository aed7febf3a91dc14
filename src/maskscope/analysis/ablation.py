"""Masks that nobody learned: by score and by chance, at equal density. The baselines of sufficiency and necessity."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.masks import BinaryMask, Loss, Selection, evaluation_mode, loss_and_gradient


def weight_times_gradient(network: nn.Module, loss: Loss, parts: Iterable[Any], selection: Selection) -> dict[str, Tensor]:
    """|weight x gradient of the mean loss|, by dotted name: a first-order estimate of what removing each weight would cost.

    Args:
        network: the network, run in eval mode and left untouched.
        loss: ``loss(network, part)``, a scalar.
        parts: data, of equal sizes.
        selection: the weights that are scored.
    """
    weights = selection.of(network)
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    with evaluation_mode(network):
        for part in parts:
            _, gradient = loss_and_gradient(network, loss, part, weights)
            for name in total:
                total[name] += gradient[name]
    return {name: (weights[name] * total[name]).abs() for name in weights}


def top_weights(scores: Mapping[str, Tensor], kept_by_tensor: Mapping[str, int]) -> BinaryMask:
    """The weights of highest score, as many in each tensor as asked for."""
    return BinaryMask({name: _top(score, kept_by_tensor[name]) for name, score in scores.items()})


def top_weights_overall(scores: Mapping[str, Tensor], kept: int) -> BinaryMask:
    """The ``kept`` weights of highest score over all tensors together."""
    flat = _top(torch.cat([score.reshape(-1) for score in scores.values()]), kept)
    pieces = torch.split(flat, [score.numel() for score in scores.values()])
    return BinaryMask({name: piece.view(score.shape) for (name, score), piece in zip(scores.items(), pieces, strict=True)})


def random_mask_like(mask: BinaryMask, generator: torch.Generator) -> BinaryMask:
    """Weights drawn at random without replacement, as many in each tensor as the mask keeps."""
    drawn = {}
    for name, bits in mask.items():
        order = torch.randperm(bits.numel(), generator=generator)[: int(bits.sum())]
        drawn[name] = torch.zeros(bits.numel(), dtype=torch.bool).index_fill_(0, order, True).view(bits.shape)
    return BinaryMask(drawn)


def _top(score: Tensor, kept: int) -> Tensor:
    chosen = torch.zeros(score.numel(), dtype=torch.bool, device=score.device)
    return chosen.index_fill_(0, score.reshape(-1).topk(kept).indices, True).view(score.shape)
