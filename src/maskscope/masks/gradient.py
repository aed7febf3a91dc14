"""The gradient of a loss with respect to weights: the one place where a backward pass starts."""

from collections.abc import Callable, Iterable, Mapping
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
    leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    with torch.enable_grad():
        value = call_with(network, leaves, lambda guest: loss(guest, part))
        backpropagate(value, leaves.values())
    return value.detach(), {name: _gradient(leaf) for name, leaf in leaves.items()}


def backpropagate(value: object, leaves: Iterable[Tensor]) -> None:
    """Adds the gradient of a scalar to ``.grad`` of each leaf, and of nothing else.

    Raises:
        LossError: the value is no scalar tensor, or none of the leaves has a part in it.
    """
    if not isinstance(value, Tensor):
        raise LossError(f"The loss returned {type(value).__name__}; a scalar tensor was expected.")
    if value.numel() != 1:
        raise LossError(f"The loss has shape {list(value.shape)}; a scalar was expected: take its mean, for example.")
    if value.is_complex() or not value.is_floating_point():
        raise LossError(f"The loss is {value.dtype}; a real floating-point scalar was expected.")
    leaves = list(leaves)
    if value.grad_fn is None and not any(value is leaf for leaf in leaves):
        raise LossError(_NO_PATH)
    torch.autograd.backward(value.reshape(()), inputs=leaves)
    if all(leaf.grad is None for leaf in leaves):
        raise LossError(_NO_PATH)


_NO_PATH = (
    "No gradient leads from the loss back to the selected weights. Look for torch.no_grad, .detach(), .item() or an argmax in "
    "the loss or the network, and whether the selected weights take part at all."
)


def _gradient(leaf: Tensor) -> Tensor:
    if leaf.grad is None:
        return torch.zeros_like(leaf)
    return leaf.grad.to_dense() if leaf.grad.is_sparse else leaf.grad
