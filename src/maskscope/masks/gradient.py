"""The gradient of a loss with respect to weights: the one place where a backward pass starts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from maskscope.errors import LossError
from maskscope.masks.call import call_with

Part = TypeVar("Part")
Loss = Callable[[nn.Module, Any], Tensor]


def loss_and_gradient(
    network: nn.Module, loss: Loss, part: Any, weights: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss with some weights replaced, and its gradient with respect to the replacements; the network is untouched.

    The backward pass follows the call at once, so that one copy of the weights is alive at a time.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar.
        part: what the loss wants as data.
        weights: replacements by dotted name, without gradient history.

    Returns:
        The loss, detached; and a gradient for each name, zero where the loss does not depend on the weight.
    """
    gradients: dict[str, Tensor] = {}
    takers = {name: partial(gradients.__setitem__, name) for name in weights}
    value = loss_and_handed_gradients(network, loss, part, weights, takers)
    return value, {name: gradients.get(name, torch.zeros_like(weight)) for name, weight in weights.items()}


def loss_and_handed_gradients(
    network: nn.Module, loss: Loss, part: Any, weights: Mapping[str, Tensor], takers: Mapping[str, Callable[[Tensor], object]]
) -> Tensor:
    """The same, but each gradient is handed over as it arises, so that not all of them are alive at one time.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar.
        part: what the loss wants as data.
        weights: replacements by dotted name, without gradient history.
        takers: what takes the gradient of each; not called where the loss does not depend on the weight.

    Returns:
        The loss, detached.
    """
    leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    arrived = False

    def hand_over(taker: Callable[[Tensor], object], leaf: Tensor) -> None:
        nonlocal arrived
        assert leaf.grad is not None
        gradient, leaf.grad, arrived = leaf.grad, None, True
        taker(gradient.to_dense() if gradient.is_sparse else gradient)

    for name, leaf in leaves.items():
        leaf.register_post_accumulate_grad_hook(partial(hand_over, takers[name]))

    def forward_and_backward(guest: nn.Module) -> Tensor:
        value = loss(guest, part)
        start_backward(value, list(leaves.values()))  # inside the call: activation checkpointing runs parts of the network again
        return value

    with torch.enable_grad():
        value = call_with(network, leaves, forward_and_backward)
    if not arrived:
        raise LossError(NO_PATH)
    return value.detach()


def backpropagate(value: object, leaves: Iterable[Tensor]) -> None:
    """Adds the gradient of a scalar to ``.grad`` of each leaf, and of nothing else.

    Raises:
        LossError: the value is no scalar tensor, or none of the leaves has a part in it.
    """
    leaves = list(leaves)
    start_backward(value, leaves)
    if all(leaf.grad is None for leaf in leaves):
        raise LossError(NO_PATH)


def start_backward(value: object, leaves: Sequence[Tensor]) -> None:
    """The backward pass from a scalar to the leaves.

    Raises:
        LossError: the value is no scalar tensor, or no gradient leads back from it.
    """
    scalar = scalar_loss(value)
    if scalar.grad_fn is None and not any(scalar is leaf for leaf in leaves):
        raise LossError(NO_PATH)
    torch.autograd.backward(scalar.reshape(()), inputs=leaves)


def scalar_loss(value: object) -> Tensor:
    """What a loss returned, if it is a scalar that one can differentiate.

    Raises:
        LossError: it is something else.
    """
    if not isinstance(value, Tensor):
        raise LossError(f"The loss returned {type(value).__name__}; a scalar tensor was expected.")
    if value.numel() != 1:
        raise LossError(f"The loss has shape {list(value.shape)}; a scalar was expected: take its mean, for example.")
    if value.is_complex() or not value.is_floating_point():
        raise LossError(f"The loss is {value.dtype}; a real floating-point scalar was expected.")
    return value


NO_PATH = (
    "No gradient leads from the loss back to the selected weights. Look for torch.no_grad, .detach(), .item() or an argmax in "
    "the loss or the network, and whether the selected weights take part at all."
)
