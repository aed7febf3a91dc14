"""The gradient of a loss with respect to weights: the one place where a backward pass starts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from maskscope.errors import LossError
from maskscope.masks.call import call_with
from maskscope.masks.maskable import is_plain

Part = TypeVar("Part")
Loss = Callable[[nn.Module, Any], Tensor]


class BackwardPass:
    """Our own backward passes through one loss, told apart from those that the loss itself makes inside.

    A loss may differentiate on its way: attacks, gradient penalties, physics. What those passes leave is the loss's own affair.
    """

    def __init__(self) -> None:
        self.is_under_way = False
        self._reentrant: bool | None = None

    def run(self, value: object, leaves: Sequence[Tensor]) -> None:
        """Adds the gradient of a scalar to ``.grad`` of each leaf, which is empty at first, and of nothing else.

        Raises:
            LossError: the value is no scalar tensor, or no gradient leads back from it.
        """
        scalar = scalar_loss(value)
        if scalar.grad_fn is None and not any(scalar is leaf for leaf in leaves):
            raise LossError(NO_PATH)
        if self._reentrant is None:  # the first graph tells for all: to walk through each would cost a few percent
            self._reentrant = any(type(node).__name__ == "CheckpointFunctionBackward" for node in _graph(scalar))
        for leaf in leaves:
            leaf.grad = None
        self.is_under_way = True
        try:
            if self._reentrant:
                _backward_through_all(scalar, leaves)
            else:
                torch.autograd.backward(scalar.reshape(()), inputs=leaves)
        finally:
            self.is_under_way = False


def _backward_through_all(scalar: Tensor, leaves: Sequence[Tensor]) -> None:
    """Reentrant checkpointing cannot do with a choice of leaves: all take part, and the others' gradients are put back."""
    mine = {id(leaf) for leaf in leaves}
    ends = [node.variable for node in _graph(scalar) if hasattr(node, "variable")]
    others = [(leaf, leaf.grad) for leaf in ends if id(leaf) not in mine]
    for leaf, _ in others:
        leaf.grad = None
    try:
        torch.autograd.backward(scalar.reshape(()))
    finally:
        for leaf, gradient in others:
            leaf.grad = gradient


def _graph(scalar: Tensor) -> Iterator[Any]:
    """The nodes of a scalar's history."""
    seen, waiting = set(), [scalar.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting.extend(before for before, _ in node.next_functions)


def loss_and_gradient(
    network: nn.Module, loss: Loss, part: Any, weights: Mapping[str, Tensor], own: BackwardPass | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss with some weights replaced, and its gradient with respect to the replacements; the network is untouched.

    The backward pass follows the call at once, so that one copy of the weights is alive at a time.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar.
        part: what the loss wants as data.
        weights: replacements by dotted name, without gradient history; where they are the network's own, copies are lent.
        own: what makes the backward passes of this network and loss, kept by who calls more than once.

    Returns:
        The loss, detached; and a gradient for each name, zero where the loss does not depend on the weight.
    """
    value, gradients = loss_and_reached_gradients(network, loss, part, weights, own)
    return value, {name: gradients.get(name, torch.zeros_like(weight)) for name, weight in weights.items()}


def loss_and_reached_gradients(
    network: nn.Module, loss: Loss, part: Any, weights: Mapping[str, Tensor], own: BackwardPass | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The same, without those weights that the loss does not depend on."""
    gradients: dict[str, Tensor] = {}

    def take(name: str, gradient: Tensor) -> None:
        gradients[name] = gradients[name] + gradient if name in gradients else gradient

    lent = {parameter.data_ptr() for parameter in network.parameters() if is_plain(parameter)}
    weights = {name: weight.clone() if weight.data_ptr() in lent else weight for name, weight in weights.items()}
    takers = {name: partial(take, name) for name in weights}
    return loss_and_handed_gradients(network, loss, part, weights, takers, own), gradients


def loss_and_handed_gradients(
    network: nn.Module,
    loss: Loss,
    part: Any,
    weights: Mapping[str, Tensor],
    takers: Mapping[str, Callable[[Tensor], object]],
    own: BackwardPass | None = None,
) -> Tensor:
    """The same, but each gradient is handed over as it arises, so that not all of them are alive at one time.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar.
        part: what the loss wants as data.
        weights: replacements by dotted name, without gradient history.
        takers: what takes the gradient of each; not called where the loss does not depend on the weight, and more than once
            where a network's own checkpointing makes it arise in pieces.
        own: see `loss_and_gradient`.

    Returns:
        The loss, detached.
    """
    own = own or BackwardPass()
    leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    arrived = False

    def hand_over(taker: Callable[[Tensor], object], leaf: Tensor) -> None:
        nonlocal arrived
        if not own.is_under_way:
            return
        assert leaf.grad is not None
        gradient, leaf.grad, arrived = leaf.grad, None, True
        taker(gradient.to_dense() if gradient.is_sparse else gradient)

    for name, leaf in leaves.items():
        leaf.register_post_accumulate_grad_hook(partial(hand_over, takers[name]))

    def forward_and_backward(guest: nn.Module) -> Tensor:
        value = loss(guest, part)
        own.run(value, list(leaves.values()))  # inside the call: activation checkpointing runs parts of the network again
        return value

    with torch.enable_grad():
        value = call_with(network, leaves, forward_and_backward)
    if not arrived:
        raise LossError(NO_PATH)
    return value.detach()


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
