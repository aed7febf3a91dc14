"""Scores of units that need no search: magnitude, weight times gradient, and integrated gradients."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.errors import BatchesError, ConfigError
from maskscope.masks import Loss, Off, Selection, evaluation_mode, loss_and_gradient
from maskscope.masks.off import ZERO


def magnitude(network: nn.Module, selection: Selection) -> dict[str, Tensor]:
    """The sum over the weights of each unit of |weight|: by group of units; of single weights |weight|, by dotted name."""
    return by_unit({name: weight.abs() for name, weight in selection.of(network).items()}, selection)


def weight_times_gradient(
    network: nn.Module, loss: Loss, parts: Iterable[Any], selection: Selection, off: Off = ZERO
) -> dict[str, Tensor]:
    """|sum over a unit of (weight - off) x gradient of the mean loss|: to first order, how the loss changes without the unit.

    The network runs in eval mode and is not changed. Every part has the same influence, so parts should be of equal size.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar.
        parts: the data in parts; read once.
        selection: the weights to score, and their units.
        off: what stands in place of weights that are off; by default, zero.

    Returns:
        The scores by group of units, in the order of the units; of single weights by dotted name, in the weights' shapes.

    Raises:
        BatchesError: ``parts`` is empty.

    Source: the "Taylor" score of Molchanov et al., "Importance Estimation for Neural Network Pruning", CVPR 2019, without
    its square.

    Examples:
        >>> import torch, maskscope as ms
        >>> network = torch.nn.Linear(2, 1, bias=False)
        >>> network.weight = torch.nn.Parameter(torch.tensor([[3.0, -2.0]]))
        >>> ms.weight_times_gradient(network, lambda net, x: net(x).sum(), [torch.ones(1, 2)], ms.select(network))
        {'weight': tensor([[3., 2.]])}
    """
    weights = selection.of(network)
    start = off.of(weights)
    change = {name: weight - start[name] for name, weight in weights.items()} if start else weights
    return _scores(change, _mean_gradient(network, loss, parts, [lambda: weights]), selection)


def integrated_gradients(
    network: nn.Module, loss: Loss, parts: Iterable[Any], selection: Selection, points: int = 8, off: Off = ZERO
) -> dict[str, Tensor]:
    """|sum over a unit of (weight - off) x mean gradient on the way from off to weight|: its share of the loss of all units.

    All selected weights are scaled together, from their off-values to what they are. The gradient is averaged over ``points``
    points on this way, each in the middle of an equal piece. The sum of all scores, before their sign is dropped, is the loss of
    the network minus the loss of the network that is off, up to the error of the average.

    Args:
        network: any module; runs in eval mode and is not changed.
        loss: ``loss(network, part)``, a scalar.
        parts: the data in parts of equal size; read once.
        selection: the weights to score, and their units.
        points: the number of points; each costs one pass over the parts, as `weight_times_gradient` does.
        off: where the way begins; by default, zero.

    Returns:
        The scores, in the form of `weight_times_gradient`.

    Raises:
        BatchesError: ``parts`` is empty.
        ConfigError: ``points`` is not at least 1.

    Source: Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", ICML 2017, there for inputs.

    Examples:
        >>> import torch, maskscope as ms
        >>> network = torch.nn.Linear(2, 1, bias=False)
        >>> network.weight = torch.nn.Parameter(torch.tensor([[2.0, 0.0]]))
        >>> ms.integrated_gradients(network, lambda net, x: net(x).square().sum(), [torch.ones(1, 2)], ms.select(network))
        {'weight': tensor([[4., 0.]])}
    """
    if points < 1:
        raise ConfigError(f"points is {points}; a whole number of at least 1 was expected.")
    weights = selection.of(network)
    start = off.of(weights) or {name: torch.zeros_like(weight) for name, weight in weights.items()}
    way = {name: weight - start[name] for name, weight in weights.items()}

    def place(share: float) -> dict[str, Tensor]:
        return {name: start[name] + share * whole for name, whole in way.items()}

    gradients = _mean_gradient(network, loss, parts, [partial(place, (point + 0.5) / points) for point in range(points)])
    return _scores(way, gradients, selection)


def _scores(weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor], selection: Selection) -> dict[str, Tensor]:
    products = {name: weight * gradients[name] for name, weight in weights.items()}
    return {name: scores.abs() for name, scores in by_unit(products, selection).items()}


def _mean_gradient(
    network: nn.Module, loss: Loss, parts: Iterable[Any], places: Sequence[Callable[[], dict[str, Tensor]]]
) -> dict[str, Tensor]:
    """The gradient of the mean loss over the parts, averaged over several values of the weights, each made when it is needed."""
    total: dict[str, Tensor] = {}
    count = 0
    with evaluation_mode(network):
        for part in parts:
            for place in places:
                for name, here in loss_and_gradient(network, loss, part, place())[1].items():
                    total[name] = total[name] + here if name in total else here
                count += 1
    if not count:
        raise BatchesError("Scores of weights need at least one part of data, and were given none.")
    return {name: gradient / count for name, gradient in total.items()}


def by_unit(per_weight: Mapping[str, Tensor], selection: Selection) -> dict[str, Tensor]:
    """The sum over the weights of each unit."""
    found = {}
    for group in selection.groups:
        if group.is_single:
            found[group.name] = per_weight[group.name]
        else:
            sums = [layout.total(per_weight[name].reshape(-1)) for name, layout in group.members]
            found[group.name] = torch.stack(sums).sum(0)
    return found
